//! Carries opaque bytes to the enclave and back: one frame out, one frame in.
//!
//! Nothing is ever sent twice: a request that was lost may have been carried out, and only the
//! client can tell whether to repeat it.

mod link;
mod status;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use strongroom_link::{LinkError, Mux};
use strongroom_proto::Code;
use strongroom_proto::frame::{FrameError, Kind};
use strongroom_proto::relay::Status;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{ENCLAVE_CONNECTIONS, SHARED_BYTES, SHARED_IN_FLIGHT};

pub(crate) use link::keep_connected;
pub(crate) use status::keep_status;

/// The connections to the enclave and what is known of it.
pub(crate) struct Relay {
    slots: [Mutex<Option<Mux>>; ENCLAVE_CONNECTIONS],
    turn: AtomicUsize,
    up: watch::Sender<Up>,
    status: watch::Sender<Option<Status>>,
    answering: watch::Sender<bool>,
    /// Told whenever the enclave asks or says something by itself: a reason to look.
    news: watch::Sender<()>,
    heard: Mutex<Option<Heard>>,
    /// Time without any answer after which the enclave does not answer.
    silence: Duration,
}

/// A sign of life: when, and in which life of the connection.
#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    generation: Option<u64>,
}

/// How many connections stand, and how often the first of them was made.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Up {
    connections: usize,
    generation: u64,
}

impl Relay {
    pub(crate) fn new(silence: Duration) -> Self {
        Self {
            slots: std::array::from_fn(|_| Mutex::new(None)),
            turn: AtomicUsize::new(0),
            up: watch::Sender::new(Up::default()),
            status: watch::Sender::new(None),
            answering: watch::Sender::new(false),
            news: watch::Sender::new(()),
            heard: Mutex::new(None),
            silence,
        }
    }

    /// Asks the enclave. A code other than [`Code::Ok`] is an error, whoever gave it.
    pub(crate) async fn call(&self, kind: Kind, body: Bytes, limit: Duration) -> Result<Bytes, Code> {
        let mux = self.pick(body.len()).ok_or(Code::Unavailable)?;
        let reply = mux.call(kind, body, limit).await.and_then(strongroom_link::Reply::into_coded);
        if reply.is_ok() {
            let heard = Heard { at: Instant::now(), generation: self.generation() };
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
        }
        match reply {
            Ok((Code::Ok, payload)) => Ok(payload),
            Ok((code, _)) => Err(code),
            Err(error) => {
                tracing::debug!(?kind, %error, "no reply of the enclave");
                Err(code_of(error))
            }
        }
    }

    /// The enclave has shown itself: whoever waits to dial it or to ask for its status need not wait for the time.
    pub(crate) fn has_news(&self) {
        self.news.send_replace(());
    }

    /// Whether the enclave is reached and says that it serves.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_up() && self.status.borrow().as_ref().is_some_and(|status| status.serving)
    }

    /// Whether the enclave answers. A connection alone says little: something between here and there may
    /// accept one in its place. A late status alone says little, too: whatever the enclave answered of late,
    /// on the connection that still stands, is a sign of life.
    pub(crate) fn is_answering(&self) -> bool {
        *self.answering.borrow()
    }

    fn was_heard_of_late(&self) -> bool {
        let same_life = |heard: &Heard| heard.generation.is_some() && heard.generation == self.generation();
        self.heard().filter(same_life).is_some_and(|heard| heard.at.elapsed() < self.silence)
    }

    /// When the enclave answered last, in any life.
    pub(crate) fn last_answer(&self) -> Option<Instant> {
        self.heard().map(|heard| heard.at)
    }

    fn heard(&self) -> Option<Heard> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the enclave answers, or does not.
    pub(crate) async fn until_answering(&self, wanted: bool) {
        // The sender lives as long as this.
        let _ = self.answering.subscribe().wait_for(|answering| *answering == wanted).await;
    }

    /// Waits until no connection stands.
    pub(crate) async fn until_gone(&self) {
        let _ = self.up.subscribe().wait_for(|up| up.connections == 0).await;
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.borrow().connections > 0
    }

    /// What the enclave said last, if it can be reached.
    pub(crate) fn status(&self) -> Option<Status> {
        self.is_up().then(|| self.status.borrow().clone()).flatten()
    }

    /// Which life of the connection this is; it counts up whenever the enclave was gone altogether.
    pub(crate) fn generation(&self) -> Option<u64> {
        let up = *self.up.borrow();
        (up.connections > 0).then_some(up.generation)
    }

    /// What is small shares a connection, so that frames travel together, until that one has much to do. What is large would
    /// hold up what comes behind it, and takes turns.
    fn pick(&self, body_bytes: usize) -> Option<Mux> {
        let standing = || self.slots.iter().filter_map(lock).filter(|mux| !mux.is_closed());
        let shared = || standing().find(|mux| mux.in_flight() < SHARED_IN_FLIGHT);
        let in_turn = || {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % ENCLAVE_CONNECTIONS;
            standing().cycle().nth(turn)
        };
        if body_bytes <= SHARED_BYTES { shared().or_else(in_turn) } else { in_turn() }
    }
}

fn lock(slot: &Mutex<Option<Mux>>) -> Option<Mux> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The one mapping from a failed link to what a client is told.
fn code_of(error: LinkError) -> Code {
    match error {
        LinkError::Busy => Code::Busy,
        LinkError::Frame(FrameError::TooLong) => Code::TooLarge,
        _ => Code::Unavailable,
    }
}
