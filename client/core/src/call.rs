//! One question: its bytes, sealed as often as it is tried, and the judgement of its answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ring::rand::SecureRandom;
use strongroom_attestation::channel::Pending;
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::release::Controls;
use strongroom_proto::limits::MAX_OPENING_BYTES;
use strongroom_proto::message::OPENING_HEADER_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::digest::OutcomeDigest;
use strongroom_seal::message::{
    Ask, AuditReport, EnclaveStatus, Outcome, REQUEST_ID_BYTES, Request, RequestId, split_answer,
};
use strongroom_seal::record::request_record_bytes;
use strongroom_seal::secret::SECRET_BYTES;
use strongroom_seal::tensor::Tensor;
use zeroize::Zeroizing;

use crate::TrustFile;
use crate::accept::{self, Against};
use crate::error::ClientError;
use crate::keep::{Keep, Kept};
use crate::party::Held;

/// A request for one inference. No `Debug`: it is plaintext.
pub struct InferRequest<'a> {
    /// Which model, or a route that leads to one of several.
    pub model: Name,
    /// Which version; absent asks for the only one the release names.
    pub version: Option<Name>,
    /// Input tensors; their bytes are copied once, into the message.
    pub inputs: Vec<Tensor<'a>>,
    /// Names of the outputs wanted, all of them when empty.
    pub outputs: Vec<String>,
    /// What is declared of the request where a route chooses by it, an amount of money say.
    pub risk: BTreeMap<Name, f64>,
}

/// An answer whose receipt was judged. No `Debug`: it is plaintext.
pub struct InferAnswer {
    /// Which model answered.
    pub model: Name,
    /// Which version of it.
    pub version: Name,
    /// Output tensors.
    pub outputs: Vec<Tensor<'static>>,
    /// The enclave's signature under request and answer.
    pub receipt: Receipt,
    /// The same as it was signed (COSE_Sign1).
    pub receipt_document: Vec<u8>,
    /// The evidence that the receipt is verified with, as it was received. Shared by all answers of a session.
    pub evidence: Bytes,
}

/// A question that keeps its id and its bytes over all attempts, so that the enclave serves it once in a boot, under one release.
pub struct Call {
    asked: Asked,
    /// Gone with the answer, after which nothing is tried again.
    encoded: Mutex<Option<Encoded>>,
}

/// What is sealed at each attempt.
type Encoded = Arc<Zeroizing<Vec<u8>>>;

/// What was asked.
enum Asked {
    /// An inference with a model, or a route that leads to one.
    Model { name: Name, version: Option<Name> },
    /// Nothing: a session alone.
    Nothing,
    /// How the enclave does.
    Status,
    /// The head of its audit log.
    Audit,
}

/// What an authentic answer says.
pub enum Said {
    /// The session is open.
    Open,
    /// The model answered.
    Answer(Box<InferAnswer>),
    /// How the enclave does.
    Status(EnclaveStatus),
    /// The head of its audit log.
    Audit(AuditReport),
}

impl Call {
    pub(crate) fn infer(request: InferRequest<'_>, random: &dyn SecureRandom) -> Result<Self, ClientError> {
        if request.inputs.iter().any(|input| input.check().is_err()) {
            return Err(ClientError::Request("holds a tensor whose type, shape and bytes disagree"));
        }
        if request.risk.values().any(|value| !value.is_finite()) {
            return Err(ClientError::Request("declares a risk that is no finite number"));
        }
        let mut id = [0; REQUEST_ID_BYTES];
        random.fill(&mut id).map_err(|_| ClientError::Local("no randomness"))?;
        let InferRequest { model, version, inputs, outputs, risk } = request;
        let outputs = outputs.into_iter().map(Cow::Owned).collect();
        let asked = Asked::Model { name: model.clone(), version: version.clone() };
        let ask = Ask::Infer(Request { id: RequestId::new(id), model, version, inputs, outputs, risk });
        Self::new(asked, &ask)
    }

    /// Nothing: it opens a session and is answered by [`Said::Open`].
    #[must_use]
    pub fn nothing() -> Self {
        Self { asked: Asked::Nothing, encoded: Mutex::new(Some(Encoded::default())) }
    }

    /// How the enclave does.
    ///
    /// # Errors
    /// [`ClientError::Request`], which this question does not cause.
    pub fn status() -> Result<Self, ClientError> {
        Self::new(Asked::Status, &Ask::Status)
    }

    /// The head of its audit log.
    ///
    /// # Errors
    /// [`ClientError::Request`], which this question does not cause.
    pub fn audit() -> Result<Self, ClientError> {
        Self::new(Asked::Audit, &Ask::Audit)
    }

    fn new(asked: Asked, ask: &Ask<'_>) -> Result<Self, ClientError> {
        let encoded = Zeroizing::new(ask.encode().map_err(|_| ClientError::Request("cannot be encoded"))?);
        request_record_bytes(encoded.len())
            .map_err(|_| ClientError::Request("is larger than any message"))?;
        Ok(Self { asked, encoded: Mutex::new(Some(Arc::new(encoded))) })
    }

    pub(crate) fn encoded(&self) -> Result<Encoded, ClientError> {
        let encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner).clone();
        encoded.ok_or(ClientError::Request("was answered already"))
    }

    /// Wipes and frees the question, so that it takes no memory beside its answer.
    pub(crate) fn answered(&self) {
        *self.encoded.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The bytes that may travel with an opening: the whole request, or none of it when it is too large to
    /// precede authentication.
    pub(crate) fn encoded_for_opening(&self) -> Result<Encoded, ClientError> {
        let encoded = self.encoded()?;
        let record = request_record_bytes(SECRET_BYTES + encoded.len());
        let fits = record.is_ok_and(|bytes| OPENING_HEADER_BYTES + bytes <= MAX_OPENING_BYTES);
        Ok(if fits { encoded } else { Encoded::default() })
    }

    /// Whether the demands allow to ask this under the controls that were verified.
    pub(crate) fn check(&self, trust: &TrustFile, controls: &Controls) -> Result<(), ClientError> {
        match &self.asked {
            Asked::Model { name, version } if !trust.allows_ask(name, version.as_ref(), controls) => {
                Err(ClientError::ModelNotDemanded)
            }
            _ => Ok(()),
        }
    }

    /// Opens an answer where it lies and judges its receipt, then reads what it says.
    pub(crate) fn read(
        &self,
        held: &Held,
        pending: &Pending,
        record: Vec<u8>,
        (trust, keep): (&TrustFile, Option<&Keep>),
    ) -> Result<Said, ClientError> {
        let body = held.session().open_answer(pending, record)?;
        let parts = split_answer(body.bytes()).ok_or(ClientError::NotAnAnswer)?;
        let verified = held.verified();
        let outcome = OutcomeDigest::of(parts.outcome);
        let receipt = Receipt::judge(parts.receipt, verified.claims(), pending.request(), outcome)?;
        if let Some(keep) = keep {
            let evidence = (held.evidence().clone(), verified.evidence());
            keep(&Kept::new(parts.receipt, &receipt, evidence));
        }
        accept::clock(&receipt)?;
        let outcome = Outcome::decode(parts.outcome).map_err(|_| ClientError::NotAnAnswer)?;
        let (claims, controls) = (verified.claims(), verified.release().controls());
        let against = Against { claims, controls, trust, evidence: held.evidence() };
        self.judge(outcome, (receipt, parts.receipt), &against)
    }

    /// Accepts an outcome that answers what was asked.
    fn judge(
        &self,
        outcome: Outcome<'_>,
        receipt: (Receipt, &[u8]),
        against: &Against<'_>,
    ) -> Result<Said, ClientError> {
        match (&self.asked, outcome) {
            (_, Outcome::Open) => Ok(Said::Open),
            (_, Outcome::Refused(refusal)) => Err(refusal.into()),
            (Asked::Model { name, version }, Outcome::Answer(answer)) => {
                self.answered();
                let answer = against.answer((name, version.as_ref()), answer, receipt)?;
                Ok(Said::Answer(Box::new(answer)))
            }
            (Asked::Status, Outcome::Status(status)) => Ok(Said::Status(status)),
            (Asked::Audit, Outcome::Audit(report)) => {
                accept::report(&report, against.claims).map(|()| Said::Audit(report))
            }
            _ => Err(ClientError::NotAnAnswer),
        }
    }
}
