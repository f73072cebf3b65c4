//! One message: open it, decide, run the model, record and seal the outcome.
//!
//! What depends on content, key or policy ends as a sealed answer of the ordinary size. Only what the
//! host can see anyway becomes a code in clear. Each sealed answer makes one record in the audit log, whatever it
//! says, so that the host cannot tell one from another by what it has to keep.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use strongroom_attestation::channel::{AnswerSlot, Sealed, ServerSession};
use strongroom_attestation::release::Operation;
use strongroom_controls::Caller;
use strongroom_proto::Code;
use strongroom_proto::hello::OfferId;
use strongroom_proto::limits::MAX_OPENING_BYTES;
use strongroom_proto::message::{ENCAPSULATED_KEY_BYTES, Message};
use strongroom_seal::digest::RequestDigest;
use strongroom_seal::message::{Ask, AuditReport, EnclaveStatus, Outcome, Refusal, split_opening};
use strongroom_seal::model::AnswerBound;
use strongroom_seal::secret::{ApiKey, SECRET_BYTES, wipe_stack};
use zeroize::Zeroizing;

use crate::departure::Departure;
use crate::done::Done;
use crate::infer::{Incoming, Inference};
use crate::limits::{MAX_ANSWER_WAIT, QUICK_BYTES};
use crate::memory::Share;
use crate::offers::Offer;
use crate::service::Service;
use crate::serving::Serving;
use crate::sessions::Live;

impl Service {
    /// Handles one message, which is decrypted where it lies, and returns the record that answers it.
    ///
    /// # Errors
    /// A [`Code`] where there is no session to seal an answer for.
    pub(crate) async fn message(self: &Arc<Self>, message: Vec<u8>, crowded: bool) -> Result<Bytes, Code> {
        let came = Instant::now();
        match Message::parse(&message).ok_or(Code::Malformed)? {
            Message::Opening { .. } if message.len() > MAX_OPENING_BYTES => Err(Code::TooLarge),
            Message::Opening { offer, nonce, encapsulated_key, header, .. } => {
                self.recordable()?;
                let offer = self.offers.take(offer, nonce, came).ok_or(Code::Misdirected)?;
                let (encapsulated, header_bytes) = (*encapsulated_key, header.len());
                self.opening(offer, &encapsulated, Sealed::new(message, header_bytes), came).await
            }
            Message::Request { session, number, header, .. } => {
                self.recordable()?;
                let header_bytes = header.len();
                let sealed = Sealed::new(message, header_bytes);
                self.request(session, number, sealed, (came, crowded)).await
            }
        }
    }

    /// Whether another answer can be recorded.
    fn recordable(&self) -> Result<(), Code> {
        let full =
            self.serving().is_some_and(|serving| serving.audit.as_ref().is_some_and(|log| log.is_full()));
        if full { Err(Code::Busy) } else { Ok(()) }
    }

    async fn opening(
        self: &Arc<Self>,
        offer: Offer,
        encapsulated: &[u8; ENCAPSULATED_KEY_BYTES],
        sealed: Sealed,
        came: Instant,
    ) -> Result<Bytes, Code> {
        let serving = Arc::clone(&offer.batch.serving);
        self.check(&serving, &sealed)?;
        let opened = ServerSession::open(&offer.batch.key, offer.handshake, encapsulated, sealed);
        // The batch's private key has done its part: it must not live as long as the model runs.
        drop(offer);
        let (channel, body, slot) = opened.map_err(|_| Code::Malformed)?;
        let (key, request) = split_opening(body.bytes()).ok_or(Code::Malformed)?;
        // A refused key gets a session as well, which answers nothing else: whether a key was accepted is
        // between the enclave and the client.
        let caller = self.caller(&serving, key);
        wipe_stack();
        let (content, begin) = (RequestDigest::of(request), body.bytes().len() - request.len());
        let live = Arc::new(Live { channel, caller, serving });
        self.sessions.add(Arc::clone(&live), Instant::now(), |live| self.is_current(&live.serving));
        let done = if live.caller.is_some() && request.is_empty() {
            let bound = live.serving.answer_bound(None).ok_or(Code::Unavailable)?;
            Done::without_model(bound, &Outcome::Open)?
        } else {
            let (live, body, bytes) = (Arc::clone(&live), Arc::new(body), slot.request_bytes());
            self.serve(Incoming { live, body, begin, content, bytes, crowded: false }).await?
        };
        self.sealed(&live, slot, content, done, came).await
    }

    async fn request(
        self: &Arc<Self>,
        session: OfferId,
        number: u64,
        sealed: Sealed,
        (came, crowded): (Instant, bool),
    ) -> Result<Bytes, Code> {
        let live = self.sessions.get(session, came).ok_or(Code::Misdirected)?;
        self.check(&live.serving, &sealed)?;
        let (body, slot, content) = off_the_loop(sealed.record_bytes() <= QUICK_BYTES, || {
            let (body, slot) = live.channel.open_request(number, sealed).map_err(|_| Code::Malformed)?;
            // The model runs beside it.
            let body = body.without_padding();
            let content = RequestDigest::of(body.bytes());
            Ok::<_, Code>((body, slot, content))
        })?;
        let (asking, body, bytes) = (Arc::clone(&live), Arc::new(body), slot.request_bytes());
        let incoming = Incoming { live: asking, body, begin: 0, content, bytes, crowded };
        let done = self.serve(incoming).await?;
        self.sealed(&live, slot, content, done, came).await
    }

    /// Whose key it is. Kept out of its caller, so that what it leaves of the key lies below it on the stack, where it is wiped.
    #[inline(never)]
    fn caller(&self, serving: &Serving, key: &[u8; SECRET_BYTES]) -> Option<Caller> {
        let key = ApiKey::take(&mut Zeroizing::new(*key));
        serving.grants.authenticate(&key, self.measured.clock().now()).ok()
    }

    /// Records and seals an answer, and lets it go when it is its time. The memory that it takes is its own until the host
    /// has it: what ran a model took its share before.
    async fn sealed(
        &self,
        live: &Live,
        slot: AnswerSlot,
        content: RequestDigest,
        mut done: Done,
        came: Instant,
    ) -> Result<Bytes, Code> {
        let record_bytes = done.record_bytes(slot.request_bytes());
        let share = match done.share.take() {
            Some(share) => share,
            None => self.share(live, record_bytes).await?,
        };
        let departure = Departure::new(came, live.serving.release.controls().answer_quantum());
        departure.to_seal().await;
        let sealed = off_the_loop(record_bytes <= QUICK_BYTES, || self.seal(live, slot, content, done));
        departure.to_leave().await;
        sealed.map(|record| share.filled(record))
    }

    /// Memory for an answer that took no core.
    async fn share(&self, live: &Live, bytes: usize) -> Result<Share, Code> {
        let answers = &self.room.answers;
        if let Some(share) = answers.share_now(bytes) {
            return Ok(share);
        }
        let share = self.answer_queues.share(answers, bytes, MAX_ANSWER_WAIT).await?;
        // Time has passed: what was decided was decided under a release that may be gone.
        self.may_answer(&live.serving)?;
        Ok(share)
    }

    /// What is checked before anything is decrypted: the release is the one in force, the size allowed.
    fn check(&self, serving: &Arc<Serving>, sealed: &Sealed) -> Result<(), Code> {
        self.may_answer(serving)?;
        serving.allows(sealed.record_bytes())
    }

    /// Decides on what is asked.
    async fn serve(self: &Arc<Self>, incoming: Incoming) -> Result<Done, Code> {
        let serving = incoming.live.serving.as_ref();
        let ask = Ask::decode(incoming.request());
        // Whatever is answered has the size that an answer of the named model would have had.
        let named = match &ask {
            Ok(Ask::Infer(request)) => Some((&request.model, request.version.as_ref())),
            _ => None,
        };
        let bound = serving.answer_bound(named).ok_or(Code::Unavailable)?;
        match (&incoming.live.caller, &ask) {
            (None, _) => Done::refused(bound, Refusal::Key),
            (Some(_), Err(_)) => Done::refused(bound, Refusal::Malformed),
            (Some(caller), Ok(Ask::Infer(request))) => {
                let inference = Inference { incoming: &incoming, caller, request, bound };
                self.infer(inference).await.map(|done| done.of(Operation::Infer))
            }
            (Some(caller), Ok(Ask::Status)) => {
                self.tell(caller, bound, Operation::Status, || self.enclave_status(serving))
            }
            (Some(caller), Ok(Ask::Audit)) => {
                self.tell(caller, bound, Operation::Audit, || audit_report(serving))
            }
        }
    }

    /// Answers a question about the enclave itself, if the caller's role allows it.
    fn tell(
        &self,
        caller: &Caller,
        bound: AnswerBound,
        operation: Operation,
        answer: impl FnOnce() -> Result<Outcome<'static>, Code>,
    ) -> Result<Done, Code> {
        let outcome = match caller.may(operation, self.measured.clock().now()) {
            Ok(()) => answer()?,
            Err(refusal) => Outcome::Refused(refusal),
        };
        Ok(Done::without_model(bound, &outcome)?.of(operation))
    }

    fn enclave_status(&self, serving: &Serving) -> Result<Outcome<'static>, Code> {
        let release = serving.release.release();
        Ok(Outcome::Status(EnclaveStatus {
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            epoch: release.epoch,
            not_after_ms: release.not_after.as_millis(),
            models: serving.loaded().cloned().collect(),
            sessions: self.sessions.len() as u64,
            answered: self.answered(),
            panics: self.panics.all(),
            audit_pending: serving.audit.as_ref().map_or(0, |log| log.pending() as u64),
        }))
    }
}

/// Does what is not quick where it keeps nobody else's reads and writes waiting.
fn off_the_loop<T>(quick: bool, work: impl FnOnce() -> T) -> T {
    if quick { work() } else { tokio::task::block_in_place(work) }
}

fn audit_report(serving: &Serving) -> Result<Outcome<'static>, Code> {
    let none = AuditReport { segment: None, records: 0, confirmed: 0, checkpoint: Vec::new() };
    let report = serving.audit.as_ref().map_or(Ok(none), |log| log.report());
    report.map(Outcome::Audit).map_err(|_| Code::Unavailable)
}
