//! What stands inside sealed records: openings, requests, outcomes.
//!
//! ```text
//! opening body  API key, 32 bytes | request (absent when the session is only opened)
//! request body  request: an inference, or a question about the enclave itself
//! answer body   u32 length of the outcome, big endian | outcome | receipt
//! ```
//!
//! Request and outcome are CBOR maps; tensors are byte strings inside them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, CborError};
use strongroom_proto::name::{Name, PackageId};

use crate::limits::{MAX_RISK_FIELDS, MAX_TENSORS, SEALED_CBOR};
use crate::secret::SECRET_BYTES;
use crate::tensor::Tensor;

/// Bytes of a request id.
pub const REQUEST_ID_BYTES: usize = 16;

/// A client's random name for one request. A retry keeps it, so that it is not served twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(#[serde(with = "serde_bytes")] [u8; REQUEST_ID_BYTES]);

impl RequestId {
    /// Takes random bytes.
    #[must_use]
    pub const fn new(random: [u8; REQUEST_ID_BYTES]) -> Self {
        Self(random)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; REQUEST_ID_BYTES] {
        &self.0
    }
}

/// What a client asks. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask<'a> {
    /// One inference.
    Infer(#[serde(borrow)] Request<'a>),
    /// How the enclave does.
    Status,
    /// The head of the audit log, signed.
    Audit,
}

impl<'a> Ask<'a> {
    /// Reads what is asked.
    ///
    /// # Errors
    /// Any [`CborError`]; [`CborError::TooManyItems`] for more than [`MAX_TENSORS`] tensors or
    /// [`MAX_RISK_FIELDS`] risk fields, or for one that is no finite number.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, CborError> {
        let ask: Self = cbor::decode(bytes, SEALED_CBOR)?;
        match &ask {
            Self::Infer(request) if !request.is_bounded() => Err(CborError::TooManyItems),
            _ => Ok(ask),
        }
    }

    /// Writes what is asked.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }
}

/// A request for one inference. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request<'a> {
    /// The client's name for it.
    pub id: RequestId,
    /// Which model.
    pub model: Name,
    /// Which version; absent asks for the only one the release names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Name>,
    /// Input tensors.
    #[serde(borrow)]
    pub inputs: Vec<Tensor<'a>>,
    /// Names of the outputs wanted, all of them when empty.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Cow<'a, str>>,
    /// What the client declares of the request for routes to choose by, an amount of money say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub risk: BTreeMap<Name, f64>,
}

impl Request<'_> {
    fn is_bounded(&self) -> bool {
        self.inputs.len() <= MAX_TENSORS
            && self.outputs.len() <= MAX_TENSORS
            && self.risk.len() <= MAX_RISK_FIELDS
            && self.risk.values().all(|value| value.is_finite())
    }
}

/// How a request ended. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<'a> {
    /// The session is open; there was no request.
    Open,
    /// The model's answer.
    Answer(#[serde(borrow)] Answer<'a>),
    /// How the enclave does.
    Status(EnclaveStatus),
    /// The head of the audit log.
    Audit(AuditReport),
    /// Refused, and why.
    Refused(Refusal),
}

/// How an enclave does, for an operator. Counts of the whole enclave, of no one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnclaveStatus {
    /// Milliseconds since this boot's clock started.
    pub uptime_ms: u64,
    /// Epoch of the release in force.
    pub epoch: u64,
    /// When it ends, in milliseconds since the Unix epoch.
    pub not_after_ms: u64,
    /// The models that are loaded.
    pub models: Vec<PackageId>,
    /// Sessions held.
    pub sessions: u64,
    /// Messages answered since boot, refusals included.
    pub answered: u64,
    /// Requests since boot that a panic has cost, whether a model's or any other.
    #[serde(default)]
    pub panics: u64,
    /// Audit records that the host has not confirmed yet.
    pub audit_pending: u64,
}

/// How far the audit log of this boot has come, fresh from the enclave: what a host that cuts the end of its
/// copy cannot show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditReport {
    /// Which log of this boot; [`None`] when the release keeps none.
    pub segment: Option<u32>,
    /// Records so far.
    pub records: u64,
    /// Of these, how many the host has confirmed.
    pub confirmed: u64,
    /// Signed checkpoint (COSE_Sign1) under the number of records and the head; empty without a log.
    #[serde(with = "serde_bytes")]
    pub checkpoint: Vec<u8>,
}

/// A model's answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer<'a> {
    /// Which model answered.
    pub model: Name,
    /// Which version of it.
    pub version: Name,
    /// Output tensors.
    #[serde(borrow)]
    pub outputs: Vec<Tensor<'a>>,
}

/// A refusal inside a sealed answer. To the host it looks like any answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The API key is not one of the release's.
    #[error("the API key is not accepted")]
    Key,
    /// The key may not use this model, or the release has no such model or version.
    #[error("no such model or version for this API key")]
    Model,
    /// The record does not hold a request.
    #[error("not a request")]
    Malformed,
    /// A tensor does not fit the model. The text names declared things only.
    #[error("{0}")]
    Input(String),
    /// The answer would exceed the size that the owner declared.
    #[error("the answer would be larger than the owner declared for this model")]
    AnswerSize,
    /// The model failed on this input.
    #[error("the model could not process this input")]
    Failed,
    /// The same request is being served right now.
    #[error("this request is being served already")]
    InFlight,
    /// The key's role does not include this operation.
    #[error("the role of this API key does not allow this")]
    Operation,
    /// A rate, quota or budget is used up.
    #[error("{what} is used up{}", retry(*.retry_after_ms))]
    Limit {
        /// Which.
        what: Limited,
        /// When it may pass, in milliseconds from now; absent where waiting does not help.
        retry_after_ms: Option<u64>,
    },
    /// The owner has frozen the key, its organisation or the model for a time.
    #[error("frozen by the owner{}", retry(*.retry_after_ms))]
    Frozen {
        /// When it ends, in milliseconds from now; absent where a new release has to end it.
        retry_after_ms: Option<u64>,
    },
    /// Rows are unlike the data that the model was made from. Positions of the first of them, from 0.
    #[error("out of distribution: {}", positions(.rows))]
    OutOfDistribution {
        /// Positions, at most [`MAX_TOLD_ROWS`].
        rows: Vec<u64>,
    },
    /// The key is not served for a time, for what it asked before.
    #[error("suspended for how it was used{}", retry(Some(*.retry_after_ms)))]
    Suspended {
        /// When it ends, in milliseconds from now.
        retry_after_ms: u64,
    },
}

/// Rows that a refusal names.
pub const MAX_TOLD_ROWS: usize = 16;

/// A limit that a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// Rows in a time, of the key.
    #[error("the rate of this API key")]
    KeyRate,
    /// Rows in a time, of the organisation's keys together.
    #[error("the rate of the organisation")]
    OrganisationRate,
    /// Rows in a time, of the model or of the whole enclave.
    #[error("the rate of the service")]
    ServiceRate,
    /// Rows a day.
    #[error("the quota of rows for today")]
    DailyRows,
    /// Rows altogether.
    #[error("the quota of rows")]
    Rows,
    /// Bits of released information a day.
    #[error("the budget of released information for today")]
    DailyBits,
    /// Bits of released information altogether.
    #[error("the budget of released information")]
    Bits,
    /// More rows in one request than ever pass at once.
    #[error("the number of rows that pass at once")]
    Burst,
}

fn positions(rows: &[u64]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| format!("row {row}")).collect();
    rows.join(", ")
}

fn retry(after_ms: Option<u64>) -> String {
    after_ms.map_or_else(String::new, |ms| format!("; try again in {} s", ms.div_ceil(1000)))
}

impl<'a> Outcome<'a> {
    /// Reads an outcome.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, CborError> {
        cbor::decode(bytes, SEALED_CBOR)
    }

    /// Writes an outcome.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }
}

/// Splits the body of an opening into the API key and the request, which is empty when absent.
#[must_use]
pub fn split_opening(body: &[u8]) -> Option<(&[u8; SECRET_BYTES], &[u8])> {
    body.split_first_chunk::<SECRET_BYTES>()
}

/// The body of an answer, split into the outcome's bytes and the receipt's.
#[must_use]
pub fn split_answer(body: &[u8]) -> Option<AnswerParts<'_>> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (outcome, receipt) = rest.split_at_checked(length)?;
    Some(AnswerParts { outcome, receipt })
}

/// See [`split_answer`].
#[derive(Clone, Copy)]
pub struct AnswerParts<'a> {
    /// CBOR of an [`Outcome`].
    pub outcome: &'a [u8],
    /// COSE_Sign1 of the receipt.
    pub receipt: &'a [u8],
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::DType;

    fn request() -> Request<'static> {
        let x = Tensor { name: "x".into(), dtype: DType::Int8, shape: vec![2], data: vec![1, 2].into() };
        Request {
            id: RequestId::new([7; 16]),
            model: "fraud".parse().unwrap(),
            version: None,
            inputs: vec![x],
            outputs: vec![],
            risk: BTreeMap::new(),
        }
    }

    fn read(bytes: &[u8]) -> Result<Request<'_>, CborError> {
        match Ask::decode(bytes)? {
            Ask::Infer(request) => Ok(request),
            _ => Err(CborError::Shape),
        }
    }

    #[test]
    fn a_request_reads_back_and_borrows_its_tensors() {
        let bytes = Ask::Infer(request()).encode().unwrap();
        let read = read(&bytes).unwrap();
        assert!(read == request());
        assert!(matches!(read.inputs[0].data, Cow::Borrowed(_)), "tensor bytes are not copied");
    }

    #[test]
    fn outcomes_read_back() {
        let refused = Outcome::Refused(Refusal::Input("input 'x' is missing".into()));
        let bytes = refused.encode().unwrap();
        assert!(Outcome::decode(&bytes).unwrap() == refused);
        let answer = Outcome::Answer(Answer {
            model: "m".parse().unwrap(),
            version: "1".parse().unwrap(),
            outputs: request().inputs,
        });
        let bytes = answer.encode().unwrap();
        assert!(Outcome::decode(&bytes).unwrap() == answer);
        assert!(Outcome::decode(&Outcome::Open.encode().unwrap()).unwrap() == Outcome::Open);
    }

    #[test]
    fn too_many_tensors_are_refused() {
        let mut request = request();
        request.inputs = vec![request.inputs[0].clone(); MAX_TENSORS + 1];
        assert!(read(&Ask::Infer(request).encode().unwrap()).err() == Some(CborError::TooManyItems));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Ask::decode(&bytes).is_ok();
            let _ = Outcome::decode(&bytes).is_ok();
            let _ = split_answer(&bytes).is_some();
        }

        #[test]
        fn a_changed_request_never_panics(position in any::<prop::sample::Index>(), value in any::<u8>()) {
            let mut bytes = Ask::Infer(request()).encode().unwrap();
            let position = position.index(bytes.len());
            bytes[position] = value;
            if let Ok(read) = read(&bytes) {
                let _ = read.inputs.iter().all(|tensor| tensor.check().is_ok());
            }
        }
    }
}
