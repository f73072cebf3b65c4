//! What the host can ask: evidence, a message, a newer release, status.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Instant;

use bytes::Bytes;
use ring::rand::SecureRandom;
use strongroom_attestation::Nsm;
use strongroom_attestation::audit::AuditEvent;
use strongroom_link::{Answer, Handler};
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use strongroom_proto::hello::ClientNonce;
use strongroom_proto::message::Message;
use strongroom_proto::relay::Status;
use tokio::sync::{Notify, Semaphore};

use crate::boot::Measured;
use crate::continuity::Continuity;
use crate::dedup::Dedup;
use crate::event::Event;
use crate::hello::Hellos;
use crate::limits::{CROWD, MAX_WAITING_MESSAGES, MAX_WAITING_QUICK};
use crate::load::{Loader, Unlocked};
use crate::memory::{BySize, Queues};
use crate::offers::Offers;
use crate::panics::Panics;
use crate::pauses::Pauses;
use crate::room::Room;
use crate::runners::Runners;
use crate::serving::Serving;
use crate::sessions::Sessions;
use crate::takeover::{Ready, TakeoverError};
use crate::turns::Turns;
use crate::watch;

/// The state of a running enclave.
pub(crate) struct Service {
    pub(crate) measured: Arc<Measured>,
    pub(crate) nsm: Arc<dyn Nsm>,
    pub(crate) random: Arc<dyn SecureRandom + Send + Sync>,
    pub(crate) offers: Offers,
    pub(crate) sessions: Sessions,
    pub(crate) dedup: Dedup,
    pub(crate) continuity: Arc<Continuity>,
    pub(crate) started: Instant,
    loader: Loader,
    hellos: Hellos,
    serving: RwLock<Option<Arc<Serving>>>,
    /// One release at a time is taken over. The highest epoch of this boot, served or withdrawn.
    takeover: tokio::sync::Mutex<u64>,
    refusal: Mutex<String>,
    /// Of runs that may take long.
    pub(crate) turns: Arc<Turns>,
    /// Of those that found no memory for their answers.
    pub(crate) memory_turns: BySize<Arc<Turns>>,
    /// Of answers that took no core, and found none.
    pub(crate) answer_queues: Queues,
    /// Of those that are quick, where many ask at once.
    pub(crate) quick_turns: Arc<Turns>,
    pub(crate) runners: Runners,
    /// Runs at once on the threads that read messages.
    pub(crate) quick_places: Semaphore,
    /// Of the machine, for messages, runs and answers.
    pub(crate) room: Arc<Room>,
    /// Told whenever another release is served, or none.
    replaced: Notify,
    answered: AtomicU64,
    pub(crate) panics: Panics,
}

impl Service {
    pub(crate) fn new(
        loader: Loader,
        nsm: Arc<dyn Nsm>,
        random: Arc<dyn SecureRandom + Send + Sync>,
        hellos: Hellos,
        state: Vec<u8>,
    ) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let waiting = || Arc::new(Turns::new(cores, MAX_WAITING_MESSAGES));
        Ok(Self {
            continuity: Arc::new(Continuity::new(&loader.measured, &nsm, &random, state)),
            started: Instant::now(),
            measured: Arc::clone(&loader.measured),
            room: Arc::clone(&loader.room),
            nsm,
            random,
            offers: Offers::default(),
            sessions: Sessions::default(),
            dedup: Dedup::default(),
            loader,
            hellos,
            serving: RwLock::default(),
            takeover: tokio::sync::Mutex::default(),
            refusal: Mutex::default(),
            turns: waiting(),
            memory_turns: BySize { small: waiting(), medium: waiting(), large: waiting() },
            answer_queues: Queues::new(cores),
            quick_turns: Arc::new(Turns::new(cores, MAX_WAITING_QUICK)),
            runners: Runners::start(cores)?,
            quick_places: Semaphore::new(cores),
            replaced: Notify::new(),
            answered: AtomicU64::new(0),
            panics: Panics::default(),
        })
    }

    /// The release in force, if there is one at this moment.
    pub(crate) fn serving(&self) -> Option<Arc<Serving>> {
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let in_force = serving.release.release().in_force(self.measured.clock().now());
        in_force.ok().map(|()| serving)
    }

    /// Whether a session of this release may be answered at this moment.
    ///
    /// # Errors
    /// [`Code::Unavailable`] where no release is in force, [`Code::Misdirected`] where it is another.
    pub(crate) fn may_answer(&self, serving: &Arc<Serving>) -> Result<(), Code> {
        self.serving().ok_or(Code::Unavailable)?;
        if !self.is_current(serving) {
            return Err(Code::Misdirected);
        }
        Ok(())
    }

    /// Whether this is what is served.
    pub(crate) fn is_current(&self, serving: &Arc<Serving>) -> bool {
        let current = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|current| Arc::ptr_eq(current, serving))
    }

    /// Takes over a release if it is acceptable; otherwise goes on with the one it has, unless the owner has
    /// withdrawn this image.
    pub(crate) async fn take_over(self: &Arc<Self>, bundle: &[u8]) -> Code {
        let mut floor = self.takeover.lock().await;
        let current = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone();
        if current.as_ref().is_some_and(|current| current.is_bundle(bundle)) {
            self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clear();
            return Code::Ok;
        }
        let ready = match self.loader.take_over(bundle, current.as_deref(), *floor).await {
            Ok(ready) => self.begin(ready).await,
            Err(error) => Err(error),
        };
        match ready {
            Ok((serving, rest)) => {
                if let Some(current) = current {
                    watch::succeed(&serving.watchers, &current.watchers);
                }
                *floor = serving.release.release().epoch;
                let loading = Arc::clone(self).load_rest(Arc::downgrade(&serving), rest);
                self.replace(Some(serving));
                self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clear();
                self.loader.host.log(Event::Serving(*floor)).await;
                tokio::spawn(loading);
                Code::Ok
            }
            Err(error) => {
                if let TakeoverError::Withdrawn { epoch } = error {
                    *floor = epoch;
                    self.replace(None);
                }
                self.refuse(&error).await;
                // The host tries again what may succeed later, and nothing else.
                if error.may_pass() { Code::Unavailable } else { Code::Malformed }
            }
        }
    }

    /// Loads what is left of a release that is served, for as long as it is. What fails is tried again, for
    /// the host may have something better by then.
    async fn load_rest(self: Arc<Self>, serving: Weak<Serving>, rest: Vec<Unlocked>) {
        let (mut rest, mut pauses) = (VecDeque::from(rest), Pauses::default());
        while let Some(next) = rest.pop_front() {
            let replaced = self.replaced.notified();
            let mut replaced = std::pin::pin!(replaced);
            // From here on it misses nothing.
            replaced.as_mut().enable();
            if !serving.upgrade().is_some_and(|serving| self.is_current(&serving)) {
                return;
            }
            // A host that gives a package drop by drop does not keep the keys of a release that is gone.
            let loaded = tokio::select! {
                loaded = self.loader.load_one(&next) => loaded,
                () = replaced.as_mut() => return,
            };
            if let Err(error) = loaded {
                self.refuse(&error).await;
                rest.push_back(next);
                tokio::select! {
                    () = tokio::time::sleep(pauses.longer()) => {}
                    () = replaced => return,
                }
            } else if rest.is_empty() {
                self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
    }

    /// Says in public why a release, or a part of it, is not served.
    async fn refuse(&self, error: &TakeoverError) {
        self.loader.host.log(Event::Refused(error)).await;
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
    }

    /// Goes on counting where an earlier boot left off, begins the audit log where there is none yet, and records
    /// the release in it.
    async fn begin(&self, ready: Ready) -> Result<(Arc<Serving>, Vec<Unlocked>), TakeoverError> {
        if let Some(restored) = self.continuity.restore(&ready.private.state_key) {
            self.loader.host.log(Event::State(restored)).await;
        }
        let log = self.continuity.log_for(ready.private.audit_key.as_ref(), &self.loader.host).await;
        let (serving, state_key, rest) = ready.serve(log.map_err(TakeoverError::Audit)?);
        self.continuity.seal_under(state_key);
        self.continuity.ledger.prune(|key| serving.grants.knows(key));
        if let Some(log) = &serving.audit {
            let (epoch, digest) = (serving.release.release().epoch, serving.release.digest());
            let recorded = log.append(AuditEvent::Release { epoch, digest }, self.measured.clock().now());
            recorded.map_err(TakeoverError::Audit)?;
        }
        Ok((Arc::new(serving), rest))
    }

    /// From now on this is served, and whoever was verified against another release must verify again.
    fn replace(&self, serving: Option<Arc<Serving>>) {
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = serving;
        self.offers.clear();
        self.sessions.clear();
        self.dedup.forget();
        self.replaced.notify_waiters();
    }

    /// Messages answered since boot.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    fn status(&self) -> Status {
        let serving = self.serving();
        Status {
            serving: serving.is_some(),
            epoch: serving.map_or(0, |serving| serving.release.release().epoch),
            sessions: self.sessions.len() as u64,
            answered: self.answered(),
            panics: self.panics.of_messages(),
            refusal: self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    async fn hello(&self, body: &[u8]) -> Result<Bytes, Code> {
        let nonce = body.try_into().map(ClientNonce::new).map_err(|_| Code::Malformed)?;
        if self.serving().is_none() {
            return Err(Code::Unavailable);
        }
        self.hellos.evidence(nonce).await
    }

    /// Does what the host asks for. A panic costs that alone, and no answer has anything of it.
    pub(crate) async fn contained<T>(&self, work: impl Future<Output = Result<T, Code>>) -> Result<T, Code> {
        match self.panics.message(work).await {
            Some(done) => done,
            None => {
                self.loader.host.log(Event::Panicked).await;
                Err(Code::Unavailable)
            }
        }
    }

    async fn asked(self: &Arc<Self>, kind: Kind, body: Bytes, beside: usize) -> Result<Bytes, Code> {
        match kind {
            Kind::Hello => self.hello(&body).await,
            Kind::Message => {
                let answer = self.message(body.into(), beside > CROWD).await;
                self.answered.fetch_add(1, Ordering::Relaxed);
                answer
            }
            Kind::Release => match self.take_over(&body).await {
                Code::Ok => Ok(Bytes::new()),
                code => Err(code),
            },
            _ => self.status().encode().map(Bytes::from).map_err(|_| Code::Unavailable),
        }
    }
}

/// The handler of one connection; all share the service.
pub(crate) struct Connection(pub(crate) Arc<Service>);

impl Handler for Connection {
    fn takes(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Hello | Kind::Message | Kind::Release | Kind::Status)
    }

    /// A handshake precedes anything large: only a session may send it, and no more than its release allows. One that was
    /// refused is a session, too, because the host must not be able to tell them apart.
    fn refuse_early(&self, kind: Kind, first: &[u8], body_bytes: usize) -> Option<Answer> {
        let let_in = match (kind, Message::parse(first)) {
            (Kind::Message, Some(Message::Request { session, header, .. })) => {
                let live = self.0.sessions.get(session, Instant::now()).ok_or(Code::Misdirected);
                live.and_then(|live| live.serving.allows(body_bytes.saturating_sub(header.len())))
            }
            (Kind::Message, _) => Err(Code::TooLarge),
            _ => Ok(()),
        };
        let_in.err().map(|code| reply(code, Bytes::new()))
    }

    fn memory(&self, body_bytes: usize) -> Option<Arc<Semaphore>> {
        Some(Arc::clone(self.0.room.bodies.pool(body_bytes)))
    }

    /// What one key fills keeps nobody else's messages waiting behind it. It keeps no release out either: a large one waits until
    /// there is room, and so does what comes behind it on its connection.
    fn when_full(&self, kind: Kind) -> Option<Answer> {
        (kind == Kind::Message).then(|| reply(Code::Busy, Bytes::new()))
    }

    async fn handle(&self, kind: Kind, body: Bytes, beside: usize) -> Option<Answer> {
        Some(match self.0.contained(self.0.asked(kind, body, beside)).await {
            Ok(payload) => reply(Code::Ok, payload),
            Err(code) => reply(code, Bytes::new()),
        })
    }
}

fn reply(code: Code, payload: Bytes) -> Answer {
    Answer { kind: Kind::Reply, parts: vec![Bytes::copy_from_slice(&[code.byte()]), payload] }
}
