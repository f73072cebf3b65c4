//! One inference: its bytes, sealed as often as it is tried, and the judgement of its answer.

use std::borrow::Cow;

use ring::rand::SecureRandom;
use strongroom_attestation::channel::{Pending, Session};
use strongroom_attestation::receipt::Receipt;
use strongroom_proto::limits::MAX_OPENING_BYTES;
use strongroom_proto::message::OPENING_HEADER_BYTES;
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::digest::{ModelDigest, OutcomeDigest};
use strongroom_seal::message::{Answer, Ask, Outcome, REQUEST_ID_BYTES, Request, RequestId, split_answer};
use strongroom_seal::record::request_record_bytes;
use strongroom_seal::secret::SECRET_BYTES;
use strongroom_seal::tensor::Tensor;
use zeroize::Zeroizing;

use super::{InferAnswer, InferRequest};
use crate::error::ClientError;

/// A request that keeps its id and its bytes over all attempts, so that the enclave serves it once.
pub(super) struct Call {
    model: Name,
    version: Option<Name>,
    encoded: Zeroizing<Vec<u8>>,
}

/// What an authentic answer says.
pub(super) enum Said {
    /// The session is open.
    Open,
    /// The model answered.
    Answer(Box<InferAnswer>),
}

impl Call {
    pub(super) fn new(request: InferRequest, random: &dyn SecureRandom) -> Result<Self, ClientError> {
        if request.inputs.iter().any(|input| input.check().is_err()) {
            return Err(ClientError::Request("holds a tensor whose type, shape and bytes disagree"));
        }
        let mut id = [0; REQUEST_ID_BYTES];
        random.fill(&mut id).map_err(|_| ClientError::Local("no randomness"))?;
        let InferRequest { model, version, inputs, outputs, risk } = request;
        let outputs = outputs.into_iter().map(Cow::Owned).collect();
        let named = (model.clone(), version.clone());
        let ask = Ask::Infer(Request { id: RequestId::new(id), model, version, inputs, outputs, risk });
        let encoded = Zeroizing::new(ask.encode().map_err(|_| ClientError::Request("cannot be encoded"))?);
        request_record_bytes(encoded.len())
            .map_err(|_| ClientError::Request("is larger than any message"))?;
        let (model, version) = named;
        Ok(Self { model, version, encoded })
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The bytes that may travel with an opening: the whole request, or none of it when it is too large to
    /// precede authentication.
    pub(super) fn encoded_for_opening(&self) -> &[u8] {
        let record = request_record_bytes(SECRET_BYTES + self.encoded.len());
        let fits = record.is_ok_and(|bytes| OPENING_HEADER_BYTES + bytes <= MAX_OPENING_BYTES);
        if fits { &self.encoded } else { &[] }
    }

    /// Opens an answer and judges its receipt, then reads what it says.
    pub(super) fn read(
        &self,
        session: &Session,
        pending: &Pending,
        record: &[u8],
    ) -> Result<Said, ClientError> {
        let body = session.open_answer(pending, record)?;
        let parts = split_answer(body.bytes()).ok_or(ClientError::NotAnAnswer)?;
        let claims = session.verified().claims();
        let outcome_digest = OutcomeDigest::of(parts.outcome);
        let receipt = Receipt::judge(parts.receipt, claims, pending.request(), outcome_digest)?;
        match Outcome::decode(parts.outcome).map_err(|_| ClientError::NotAnAnswer)? {
            Outcome::Open => Ok(Said::Open),
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::Status(_) | Outcome::Audit(_) => Err(ClientError::NotAnAnswer),
            Outcome::Answer(answer) => {
                let claimed = |id: &PackageId| {
                    claims.models.iter().find(|model| model.id == *id).map(|model| model.digest)
                };
                self.accept(answer, receipt, claimed).map(|answer| Said::Answer(Box::new(answer)))
            }
        }
    }

    /// Accepts an answer of the model that was asked for, if the receipt names that very model's digest.
    pub(super) fn accept(
        &self,
        answer: Answer<'_>,
        receipt: Receipt,
        claimed: impl Fn(&PackageId) -> Option<ModelDigest>,
    ) -> Result<InferAnswer, ClientError> {
        let Answer { model, version, outputs } = answer;
        let digest = claimed(&PackageId { name: model.clone(), version: version.clone() });
        let asked = model == self.model && self.version.as_ref().is_none_or(|asked| *asked == version);
        if !asked || digest.is_none() || receipt.model != digest {
            return Err(ClientError::OtherModel);
        }
        if outputs.iter().any(|output| output.check().is_err()) {
            return Err(ClientError::NotAnAnswer);
        }
        let outputs = outputs.into_iter().map(Tensor::into_owned).collect();
        Ok(InferAnswer { model, version, outputs, receipt })
    }
}
