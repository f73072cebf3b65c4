//! What one record says.

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::AUDIT_RECORD_BYTES;
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::ReleaseDigest;
use strongroom_seal::message::{Limited, Refusal};
use strongroom_seal::secret::ApiKeyDigest;

use super::AuditError;
use crate::UnixMillis;
use crate::release::{Coarseness, Operation};

const RECORD_CBOR: Bounds = Bounds { max_bytes: AUDIT_RECORD_BYTES, max_depth: 6, max_items: 64 };

/// A record in the clear. Only owner and enclave ever see one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// When, by the enclave's clock.
    pub time: UnixMillis,
    /// Random bytes that keep the receipt's commitment opaque.
    #[serde(with = "serde_bytes")]
    pub blind: [u8; 16],
    /// What happened.
    pub event: AuditEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A message was answered.
    Answered(Answered),
    /// A release came into force.
    Release {
        /// Its epoch.
        epoch: u64,
        /// Its digest.
        digest: ReleaseDigest,
    },
}

/// One answered message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Whose; absent for an API key that the release does not list.
    pub key: Option<KeyTag>,
    /// Number of the receipt among those of the key in this boot.
    pub index: Option<u64>,
    /// What was asked, if it could be read.
    pub operation: Option<Operation>,
    /// The model that was reached.
    pub model: Option<PackageId>,
    /// How it ended.
    pub verdict: Verdict,
    /// How coarse the answer was.
    pub coarseness: Option<Coarseness>,
    /// Whether the members of an ensemble disagreed, so that the answer was treated more strictly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stricter: bool,
    /// Rows that were charged.
    pub rows: u64,
    /// Bits of released information that were charged.
    pub bits: u64,
    /// Size of the request's record, as a power of two.
    pub size_log2: u8,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A session was opened.
    Opened,
    /// Answered.
    Answered,
    /// Answered from memory, as the same request had been before.
    Repeated,
    /// Refused.
    Refused(Reason),
}

/// Why it was refused, without the caller's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "one each for the variants of Refusal, which are documented there")]
pub enum Reason {
    Key,
    Model,
    Malformed,
    Input,
    AnswerSize,
    Failed,
    InFlight,
    Operation,
    Frozen,
    OutOfDistribution,
    Suspended,
    Limit(Limited),
}

impl From<&Refusal> for Reason {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Key => Self::Key,
            Refusal::Model => Self::Model,
            Refusal::Malformed => Self::Malformed,
            Refusal::Input(_) => Self::Input,
            Refusal::AnswerSize => Self::AnswerSize,
            Refusal::Failed => Self::Failed,
            Refusal::InFlight => Self::InFlight,
            Refusal::Operation => Self::Operation,
            Refusal::Frozen { .. } => Self::Frozen,
            Refusal::OutOfDistribution { .. } => Self::OutOfDistribution,
            Refusal::Suspended { .. } => Self::Suspended,
            Refusal::Limit { what, .. } => Self::Limit(*what),
        }
    }
}

/// Names an API key in the log: the first bytes of its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTag(#[serde(with = "serde_bytes")] [u8; 8]);

impl KeyTag {
    /// The tag of a key.
    #[must_use]
    pub fn of(key: &ApiKeyDigest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
        Self([a, b, c, d, e, f, g, h])
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl std::fmt::Display for KeyTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl AuditRecord {
    pub(super) fn encode(&self) -> Result<Vec<u8>, AuditError> {
        cbor::encode(self).map_err(|_| AuditError::TooLarge)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        cbor::decode(bytes, RECORD_CBOR).ok()
    }
}
