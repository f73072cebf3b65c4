//! What one message led to, and how it leaves: recorded, with a receipt, in a record of the ordinary size.

use std::sync::Arc;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::{Answered, AuditEvent, KeyTag, Reason, Verdict};
use strongroom_attestation::channel::AnswerSlot;
use strongroom_attestation::receipt::{MAX_RECEIPT_BYTES, Receipt};
use strongroom_attestation::release::{Operation, ReleasedModel, Treatment};
use strongroom_controls::{Caller, Charge};
use strongroom_proto::Code;
use strongroom_seal::digest::{AuditCommitment, OutcomeDigest, RequestDigest};
use strongroom_seal::limits::RECORD_OVERHEAD_BYTES;
use strongroom_seal::message::{Outcome, Refusal};
use strongroom_seal::model::AnswerBound;
use zeroize::Zeroizing;

use crate::answer::{Ran, Treated};
use crate::clock::Reading;
use crate::dedup::Remembered;
use crate::load::ServedModel;
use crate::memory::Share;
use crate::service::Service;
use crate::serving::Serving;
use crate::sessions::Live;

/// What one message led to.
pub(crate) struct Done {
    /// The encoded outcome.
    pub(crate) outcome: Arc<Zeroizing<Vec<u8>>>,
    /// The model that was reached.
    pub(crate) model: Option<ReleasedModel>,
    treated: Treated,
    charge: Charge,
    verdict: Verdict,
    operation: Option<Operation>,
    /// How large the answer is to be.
    bound: AnswerBound,
    /// The memory for it, where it was taken before.
    pub(crate) share: Option<Share>,
}

impl Done {
    fn new(outcome: &Outcome<'_>, model: Option<&ServedModel>, bound: AnswerBound) -> Result<Self, Code> {
        let encoded = outcome.encode().map_err(|_| Code::Unavailable)?;
        let released = |model: &ServedModel| ReleasedModel { id: model.id.clone(), digest: model.digest };
        let verdict = match outcome {
            Outcome::Open => Verdict::Opened,
            Outcome::Refused(refusal) => Verdict::Refused(Reason::from(refusal)),
            Outcome::Answer(_) | Outcome::Status(_) | Outcome::Audit(_) => Verdict::Answered,
        };
        Ok(Self {
            outcome: Arc::new(Zeroizing::new(encoded)),
            model: model.map(released),
            treated: Treated::default(),
            charge: Charge { rows: 0, bits: 0 },
            verdict,
            operation: None,
            bound,
            share: None,
        })
    }

    /// An outcome that reached a model.
    pub(crate) fn of_model(
        model: &ServedModel,
        bound: AnswerBound,
        outcome: &Outcome<'_>,
    ) -> Result<Self, Code> {
        Self::new(outcome, Some(model), bound)
    }

    /// What a run led to, and what was charged for it.
    pub(crate) fn ran(
        model: &ServedModel,
        bound: AnswerBound,
        ran: &Ran,
        charge: Charge,
    ) -> Result<Self, Code> {
        let done = Self::of_model(model, bound, &ran.outcome)?;
        Ok(Self { treated: ran.treated, charge, ..done })
    }

    /// What the same request led to before.
    pub(crate) fn repeated(bound: AnswerBound, remembered: Remembered) -> Self {
        let Remembered { outcome, model: reached, treated } = remembered;
        Self {
            outcome,
            model: reached,
            treated,
            charge: Charge { rows: 0, bits: 0 },
            verdict: Verdict::Repeated,
            operation: None,
            bound,
            share: None,
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
        Remembered { outcome, model, treated: self.treated }
    }

    /// The same, known to be about this operation.
    pub(crate) fn of(self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// The same, with the memory for its answer.
    pub(crate) fn with(self, share: Share) -> Self {
        Self { share: Some(share), ..self }
    }

    /// How large the record of the answer to a request of this size is.
    pub(crate) fn record_bytes(&self, request_bytes: usize) -> usize {
        self.bound.record_bytes(request_bytes)
    }

    /// Itself if it fits the record, else a refusal that does.
    fn fitting(self, record_bytes: usize) -> Result<Self, Code> {
        let beside = RECORD_OVERHEAD_BYTES + size_of::<u32>() + MAX_RECEIPT_BYTES;
        if self.outcome.len() <= record_bytes.saturating_sub(beside) {
            return Ok(self);
        }
        let refusal = Outcome::Refused(Refusal::AnswerSize).encode().map_err(|_| Code::Unavailable)?;
        let outcome = Arc::new(Zeroizing::new(refusal));
        let verdict = Verdict::Refused(Reason::AnswerSize);
        Ok(Self { outcome, treated: Treated::default(), verdict, ..self })
    }

    fn answered(&self, key: Option<KeyTag>, index: Option<u64>, request_bytes: usize) -> Answered {
        Answered {
            key,
            index,
            operation: self.operation,
            model: self.model.as_ref().map(|model| model.id.clone()),
            verdict: self.verdict,
            coarseness: self.treated.treatment.as_ref().map(Treatment::coarseness),
            stricter: self.treated.stricter,
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
        let record_bytes = done.record_bytes(slot.request_bytes());
        let done = done.fitting(record_bytes)?;
        let clock = self.measured.clock().reading();
        let ledger = &self.continuity.ledger;
        let index = live.caller.as_ref().map(|caller| ledger.next_receipt(caller.key()));
        let key = live.caller.as_ref().map(|caller| KeyTag::of(caller.key()));
        let answered = done.answered(key, index, slot.request_bytes());
        let audit = record(&live.serving, answered, clock.now)?;
        let receipt = self.receipt(live, &done, Facts { request, index, audit, clock });
        let receipt = receipt.sign(self.measured.receipt_key(), self.random.as_ref());
        let receipt = receipt.map_err(|_| Code::Unavailable)?;
        let length = u32::try_from(done.outcome.len()).map_err(|_| Code::Unavailable)?.to_be_bytes();
        let parts: [&[u8]; 3] = [&length, &done.outcome, &receipt];
        live.channel.seal_answer(slot, &parts, record_bytes).map_err(|_| Code::Unavailable)
    }

    fn receipt(&self, live: &Live, done: &Done, facts: Facts) -> Receipt {
        let Facts { request, index, audit, clock } = facts;
        let release = &live.serving.release;
        let ledger = &self.continuity.ledger;
        let left = |caller: &Caller| ledger.left(caller.key(), &caller.limits(), clock.now);
        Receipt {
            request,
            outcome: OutcomeDigest::of(&done.outcome),
            model: done.model.as_ref().map(|model| model.digest),
            release: release.digest(),
            epoch: release.release().epoch,
            controls: release.release().controls,
            treatment: done.treated.treatment,
            voted: done.treated.voted,
            budget: live.caller.as_ref().map(left).unwrap_or_default(),
            boot: self.measured.boot_id(),
            index,
            audit,
            time: clock.now,
            anchor: clock.anchor,
        }
    }
}

/// What a receipt says beside the outcome.
struct Facts {
    request: RequestDigest,
    index: Option<u64>,
    audit: Option<AuditCommitment>,
    clock: Reading,
}

/// Adds a record to the audit log, if one is kept.
fn record(serving: &Serving, answered: Answered, now: UnixMillis) -> Result<Option<AuditCommitment>, Code> {
    let Some(log) = &serving.audit else { return Ok(None) };
    log.append(AuditEvent::Answered(answered), now).map(Some).map_err(|_| Code::Unavailable)
}
