//! What one message led to, and how it leaves: recorded, with a receipt, in a record of the ordinary size.

use std::sync::Arc;

use strongroom_attestation::audit::{Answered, AuditEvent, KeyTag, Reason, Verdict};
use strongroom_attestation::channel::AnswerSlot;
use strongroom_attestation::receipt::{MAX_RECEIPT_BYTES, Receipt};
use strongroom_attestation::release::{Operation, ReleasedModel, Treatment};
use strongroom_controls::Charge;
use strongroom_proto::Code;
use strongroom_seal::digest::{OutcomeDigest, RequestDigest};
use strongroom_seal::limits::RECORD_OVERHEAD_BYTES;
use strongroom_seal::message::{Outcome, Refusal};
use strongroom_seal::model::AnswerBound;
use zeroize::Zeroizing;

use crate::answer::Ran;
use crate::dedup::Remembered;
use crate::load::LoadedModel;
use crate::service::Service;
use crate::sessions::Live;

/// What one message led to.
pub(crate) struct Done {
    /// The encoded outcome.
    pub(crate) outcome: Arc<Zeroizing<Vec<u8>>>,
    /// The model that was reached.
    pub(crate) model: Option<ReleasedModel>,
    /// How its outputs were treated.
    pub(crate) treatment: Option<Treatment>,
    stricter: bool,
    charge: Charge,
    verdict: Verdict,
    operation: Option<Operation>,
    /// How large the answer is to be.
    bound: AnswerBound,
}

impl Done {
    fn new(outcome: &Outcome<'_>, model: Option<&LoadedModel>, bound: AnswerBound) -> Result<Self, Code> {
        let encoded = outcome.encode().map_err(|_| Code::Unavailable)?;
        let released = |model: &LoadedModel| ReleasedModel { id: model.id.clone(), digest: model.digest };
        let verdict = match outcome {
            Outcome::Open => Verdict::Opened,
            Outcome::Refused(refusal) => Verdict::Refused(Reason::from(refusal)),
            Outcome::Answer(_) | Outcome::Status(_) | Outcome::Audit(_) => Verdict::Answered,
        };
        Ok(Self {
            outcome: Arc::new(Zeroizing::new(encoded)),
            model: model.map(released),
            treatment: None,
            stricter: false,
            charge: Charge { rows: 0, bits: 0 },
            verdict,
            operation: None,
            bound,
        })
    }

    /// An outcome that reached a model.
    pub(crate) fn of_model(
        model: &LoadedModel,
        bound: AnswerBound,
        outcome: &Outcome<'_>,
    ) -> Result<Self, Code> {
        Self::new(outcome, Some(model), bound)
    }

    /// What a run led to, and what was charged for it.
    pub(crate) fn ran(
        model: &LoadedModel,
        bound: AnswerBound,
        ran: &Ran,
        charge: Charge,
    ) -> Result<Self, Code> {
        let done = Self::of_model(model, bound, &ran.outcome)?;
        Ok(Self { treatment: ran.treatment, stricter: ran.stricter, charge, ..done })
    }

    /// What the same request led to before.
    pub(crate) fn repeated(bound: AnswerBound, remembered: Remembered) -> Self {
        let Remembered { outcome, model: reached, treatment } = remembered;
        Self {
            outcome,
            model: reached,
            treatment,
            stricter: false,
            charge: Charge { rows: 0, bits: 0 },
            verdict: Verdict::Repeated,
            operation: None,
            bound,
        }
    }

    /// An outcome that no model gave.
    pub(crate) fn without_model(bound: AnswerBound, outcome: &Outcome<'_>) -> Result<Self, Code> {
        Self::new(outcome, None, bound)
    }

    pub(crate) fn refused(bound: AnswerBound, refusal: Refusal) -> Result<Self, Code> {
        Self::without_model(bound, &Outcome::Refused(refusal))
    }

    /// What is kept for a repetition of the same request.
    pub(crate) fn remembered(&self) -> Remembered {
        let (outcome, model) = (Arc::clone(&self.outcome), self.model.clone());
        Remembered { outcome, model, treatment: self.treatment }
    }

    /// The same, known to be about this operation.
    pub(crate) fn of(self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// Itself if it fits the record, else a refusal that does.
    fn fitting(self, record_bytes: usize) -> Result<Self, Code> {
        let beside = RECORD_OVERHEAD_BYTES + size_of::<u32>() + MAX_RECEIPT_BYTES;
        if self.outcome.len() <= record_bytes.saturating_sub(beside) {
            return Ok(self);
        }
        let refusal = Outcome::Refused(Refusal::AnswerSize).encode().map_err(|_| Code::Unavailable)?;
        let outcome = Arc::new(Zeroizing::new(refusal));
        Ok(Self { outcome, treatment: None, verdict: Verdict::Refused(Reason::AnswerSize), ..self })
    }

    fn answered(&self, key: Option<KeyTag>, index: Option<u64>, request_bytes: usize) -> Answered {
        Answered {
            key,
            index,
            operation: self.operation,
            model: self.model.as_ref().map(|model| model.id.clone()),
            verdict: self.verdict,
            coarseness: self.treatment.as_ref().map(Treatment::coarseness),
            stricter: self.stricter,
            rows: self.charge.rows,
            bits: self.charge.bits,
            size_log2: u8::try_from(request_bytes.max(1).ilog2()).unwrap_or(u8::MAX),
        }
    }
}

impl Service {
    /// Records the outcome, signs the receipt and seals both into a record of the ordinary size.
    pub(crate) fn seal(
        &self,
        live: &Live,
        slot: AnswerSlot,
        request: RequestDigest,
        done: Done,
    ) -> Result<Vec<u8>, Code> {
        let serving = live.serving.as_ref();
        let record_bytes = done.bound.record_bytes(slot.request_bytes());
        let done = done.fitting(record_bytes)?;
        let clock = self.measured.clock().reading();
        let ledger = &self.continuity.ledger;
        let index = live.caller.as_ref().map(|caller| ledger.next_receipt(caller.key()));
        let audit = match &serving.audit {
            None => None,
            Some(log) => {
                let key = live.caller.as_ref().map(|caller| KeyTag::of(caller.key()));
                let answered = done.answered(key, index, slot.request_bytes());
                Some(log.append(AuditEvent::Answered(answered), clock.now).map_err(|_| Code::Unavailable)?)
            }
        };
        let left =
            |caller: &strongroom_controls::Caller| ledger.left(caller.key(), &caller.limits(), clock.now);
        let receipt = Receipt {
            request,
            outcome: OutcomeDigest::of(&done.outcome),
            model: done.model.as_ref().map(|model| model.digest),
            release: serving.release.digest(),
            epoch: serving.release.release().epoch,
            controls: serving.release.release().controls,
            treatment: done.treatment,
            budget: live.caller.as_ref().map(left).unwrap_or_default(),
            boot: self.measured.boot_id(),
            index,
            audit,
            time: clock.now,
            anchor: clock.anchor,
        };
        let receipt = receipt.sign(self.measured.receipt_key(), self.random.as_ref());
        let receipt = receipt.map_err(|_| Code::Unavailable)?;
        let length = u32::try_from(done.outcome.len()).map_err(|_| Code::Unavailable)?.to_be_bytes();
        let parts: [&[u8]; 3] = [&length, &done.outcome, &receipt];
        live.channel.seal_answer(slot, &parts, record_bytes).map_err(|_| Code::Unavailable)
    }
}
