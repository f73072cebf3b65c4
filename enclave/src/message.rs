//! One message: open it, decide, run the model, seal the outcome.
//!
//! What depends on content, key or policy ends as a sealed answer of the ordinary size. Only what the
//! host can see anyway becomes a code in clear.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use strongroom_attestation::channel::{AnswerSlot, Sealed, ServerSession};
use strongroom_attestation::receipt::Receipt;
use strongroom_engine::RunError;
use strongroom_proto::Code;
use strongroom_proto::hello::OfferId;
use strongroom_proto::limits::MAX_OPENING_BYTES;
use strongroom_proto::message::{ENCAPSULATED_KEY_BYTES, Message};
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::{ModelDigest, OutcomeDigest, RequestDigest};
use strongroom_seal::limits::RECORD_OVERHEAD_BYTES;
use strongroom_seal::message::{Answer, Outcome, Refusal, Request, split_opening};
use strongroom_seal::model::AnswerBound;
use strongroom_seal::secret::ApiKey;
use zeroize::Zeroizing;

use crate::access::Permit;
use crate::dedup::{Claim, Identity, Remembered};
use crate::limits::MAX_RECEIPT_BYTES;
use crate::load::LoadedModel;
use crate::offers::Offer;
use crate::service::Service;
use crate::serving::Serving;
use crate::sessions::Live;

/// What one request led to.
struct Done {
    /// The encoded outcome.
    outcome: Arc<Zeroizing<Vec<u8>>>,
    /// The model that was reached.
    model: Option<ModelDigest>,
    /// How large the answer is to be.
    bound: AnswerBound,
}

impl Service {
    /// Handles one message and returns the record that answers it.
    ///
    /// # Errors
    /// A [`Code`] where there is no session to seal an answer for.
    pub(crate) fn message(&self, message: &[u8]) -> Result<Vec<u8>, Code> {
        match Message::parse(message).ok_or(Code::Malformed)? {
            Message::Opening { .. } if message.len() > MAX_OPENING_BYTES => Err(Code::TooLarge),
            Message::Opening { offer, nonce, encapsulated_key, header, record } => {
                let offer = self.offers.take(offer, nonce, Instant::now()).ok_or(Code::Misdirected)?;
                self.opening(offer, encapsulated_key, Sealed { header, record })
            }
            Message::Request { session, number, header, record } => {
                self.request(session, number, Sealed { header, record })
            }
        }
    }

    fn opening(
        &self,
        offer: Offer,
        encapsulated: &[u8; ENCAPSULATED_KEY_BYTES],
        sealed: Sealed<'_>,
    ) -> Result<Vec<u8>, Code> {
        let serving = Arc::clone(&offer.batch.serving);
        self.check(&serving, sealed)?;
        let opened = ServerSession::open(&offer.batch.key, offer.handshake, encapsulated, sealed);
        // The batch's private key has done its part: it must not live as long as the model runs.
        drop(offer);
        let (channel, body, slot) = opened.map_err(|_| Code::Malformed)?;
        let (key, request) = split_opening(body.bytes()).ok_or(Code::Malformed)?;
        let key = ApiKey::take(&mut Zeroizing::new(*key));
        let content = RequestDigest::of(request);
        // A refused key gets a session as well, which answers nothing else: whether a key was accepted is
        // between the enclave and the client.
        let caller = serving.access.authenticate(&key).ok();
        let live = Arc::new(Live { channel, caller, serving });
        self.sessions.add(Arc::clone(&live), Instant::now(), |live| self.is_current(&live.serving));
        let done = match (&live.caller, request.is_empty()) {
            (Some(_), true) => Done::without_model(&live.serving, None, &Outcome::Open)?,
            _ => self.serve(&live, request)?,
        };
        self.seal(&live, slot, content, done)
    }

    fn request(&self, session: OfferId, number: u64, sealed: Sealed<'_>) -> Result<Vec<u8>, Code> {
        let live = self.sessions.get(session, Instant::now()).ok_or(Code::Misdirected)?;
        self.check(&live.serving, sealed)?;
        let (body, slot) = live.channel.open_request(number, sealed).map_err(|_| Code::Malformed)?;
        let done = self.serve(&live, body.bytes())?;
        self.seal(&live, slot, RequestDigest::of(body.bytes()), done)
    }

    /// What is checked before anything is decrypted: the release is the one in force, the size allowed.
    fn check(&self, serving: &Arc<Serving>, sealed: Sealed<'_>) -> Result<(), Code> {
        self.serving().ok_or(Code::Unavailable)?;
        if !self.is_current(serving) {
            return Err(Code::Misdirected);
        }
        let allowed = serving.release.controls().max_request_bytes;
        if sealed.record.len() as u64 > allowed { Err(Code::TooLarge) } else { Ok(()) }
    }

    /// Decides on a request and, if permitted, runs the model; once, however often it is repeated.
    fn serve(&self, live: &Live, body: &[u8]) -> Result<Done, Code> {
        let serving = live.serving.as_ref();
        let request = Request::decode(body);
        // A refusal has the size that the named model's answer would have had.
        let named = request.as_ref().ok().and_then(|r| serving.find(&r.model, r.version.as_ref()));
        let Some(caller) = &live.caller else {
            return Done::refused(serving, named, Refusal::Key);
        };
        let Ok(request) = request else {
            return Done::refused(serving, named, Refusal::Malformed);
        };
        let permit = match caller.permit(serving, &request) {
            Ok(permit) => permit,
            Err(refusal) => return Done::refused(serving, named, refusal),
        };
        let model = permit.model();
        let identity = Identity {
            caller: caller.key(),
            id: request.id,
            content: RequestDigest::of(body),
            release: serving.release.digest(),
        };
        match self.dedup.claim(identity) {
            Claim::Served(Remembered { outcome, model: reached }) => {
                Ok(Done { outcome, model: reached, bound: model.answer })
            }
            Claim::InFlight => Done::of_model(model, &Outcome::Refused(Refusal::InFlight)),
            Claim::Mine(claimed) => {
                let done = Done::of_model(model, &contained(permit, &request))?;
                claimed.finish(Remembered { outcome: Arc::clone(&done.outcome), model: done.model });
                Ok(done)
            }
        }
    }

    /// Signs the receipt and seals both into a record of the ordinary size.
    fn seal(
        &self,
        live: &Live,
        slot: AnswerSlot,
        request: RequestDigest,
        done: Done,
    ) -> Result<Vec<u8>, Code> {
        let serving = live.serving.as_ref();
        let record_bytes = done.bound.record_bytes(slot.request_bytes());
        let done = done.fitting(record_bytes)?;
        let receipt = Receipt {
            request,
            outcome: OutcomeDigest::of(&done.outcome),
            model: done.model,
            release: serving.release.digest(),
            controls: serving.release.release().controls,
            boot: self.measured.boot_id(),
        };
        let receipt = receipt.sign(self.measured.receipt_key(), self.random.as_ref());
        let receipt = receipt.map_err(|_| Code::Unavailable)?;
        let length = u32::try_from(done.outcome.len()).map_err(|_| Code::Unavailable)?.to_be_bytes();
        let parts: [&[u8]; 3] = [&length, &done.outcome, &receipt];
        live.channel.seal_answer(slot, &parts, record_bytes).map_err(|_| Code::Unavailable)
    }
}

impl Done {
    fn new(outcome: &Outcome<'_>, model: Option<ModelDigest>, bound: AnswerBound) -> Result<Self, Code> {
        let outcome = outcome.encode().map_err(|_| Code::Unavailable)?;
        Ok(Self { outcome: Arc::new(Zeroizing::new(outcome)), model, bound })
    }

    fn of_model(model: &LoadedModel, outcome: &Outcome<'_>) -> Result<Self, Code> {
        Self::new(outcome, Some(model.digest), model.answer)
    }

    /// An outcome that no model gave, of the size of an answer of `named`, or of the first model's.
    fn without_model(
        serving: &Serving,
        named: Option<&LoadedModel>,
        outcome: &Outcome<'_>,
    ) -> Result<Self, Code> {
        let bound = named.map(|model| model.answer).or_else(|| serving.ordinary_answer());
        Self::new(outcome, None, bound.ok_or(Code::Unavailable)?)
    }

    fn refused(serving: &Serving, named: Option<&LoadedModel>, refusal: Refusal) -> Result<Self, Code> {
        Self::without_model(serving, named, &Outcome::Refused(refusal))
    }

    /// Itself if it fits the record, else a refusal that does.
    fn fitting(self, record_bytes: usize) -> Result<Self, Code> {
        let beside = RECORD_OVERHEAD_BYTES + size_of::<u32>() + MAX_RECEIPT_BYTES;
        if self.outcome.len() <= record_bytes.saturating_sub(beside) {
            return Ok(self);
        }
        Self::new(&Outcome::Refused(Refusal::AnswerSize), self.model, self.bound)
    }
}

/// As [`run`]. A panic becomes a sealed refusal like any other, because it depends on the content.
fn contained(permit: Permit<'_>, request: &Request<'_>) -> Outcome<'static> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(permit, request)));
    outcome.unwrap_or(Outcome::Refused(Refusal::Failed))
}

/// Runs the model that a permit names; the permit is used up.
fn run(permit: Permit<'_>, request: &Request<'_>) -> Outcome<'static> {
    let loaded = permit.redeem();
    let outputs: Vec<String> = request.outputs.iter().map(ToString::to_string).collect();
    let answered = loaded.model.admit(&request.inputs, &outputs).and_then(|valid| loaded.model.run(valid));
    match answered {
        Ok(outputs) => {
            let PackageId { name, version } = loaded.id.clone();
            Outcome::Answer(Answer { model: name, version, outputs })
        }
        Err(error @ (RunError::Interface(_) | RunError::Text(_) | RunError::Shape)) => {
            Outcome::Refused(Refusal::Input(error.to_string()))
        }
        Err(_) => Outcome::Refused(Refusal::Failed),
    }
}
