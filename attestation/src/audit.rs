//! The audit log: what the enclave records, and how an owner reads and judges it.
//!
//! ```text
//! opening     CBOR of AuditOpening; an attestation document of the enclave commits to its digest in `user_data`
//! key         HPKE (as the channel's) to the owner's audit key; info = label ‖ 0 ‖ deployment ‖ 0 ‖ boot ‖ segment
//! record n    AES-256-GCM under that key, number n, bound to the boot's name; all of one size
//! head 0      digest of the opening under the chain's label
//! head n + 1  digest of head n ‖ sealed record n under the chain's label
//! checkpoint  COSE_Sign1 (ES256) by the boot's receipt key: number of records, head, time
//! ```
//!
//! A record says that something was asked, by which key, and how it ended. It never says what was in it. The
//! host keeps sealed records and cannot tell one from another; each sealed answer makes exactly one.

mod chain;
mod key;
mod record;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds, CborError};
use strongroom_proto::name::Name;
use strongroom_seal::digest::{AuditHead, AuditOpeningDigest, CharterDigest};
use strongroom_seal::key::{SigningKey, VerifyingKey};
use strongroom_seal::label;
use strongroom_seal::signed;

use crate::UnixMillis;
use crate::claims::BootId;
use ring::rand::SecureRandom;

pub use chain::{Appended, AuditReader, AuditWriter, commitment};
pub use key::{AuditPrivateKey, AuditPublicKey};
pub use record::{Answered, AuditEvent, AuditRecord, KeyTag, Reason, Verdict};

const OPENING_CBOR: Bounds = Bounds { max_bytes: 8192, max_depth: 4, max_items: 64 };
const CHECKPOINT_CBOR: Bounds = Bounds { max_bytes: 1024, max_depth: 4, max_items: 32 };

/// Why an audit log could not be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The audit key is not an X-Wing key, or the log is not sealed to it.
    #[error("the log is not sealed to this audit key")]
    Key,
    /// The random source failed.
    #[error("no randomness")]
    Random,
    /// Not the opening of an audit log.
    #[error("not the opening of an audit log")]
    Opening,
    /// A record is changed, or stands under another number or in another log.
    #[error("record {0} is changed or out of its place")]
    Record(u64),
    /// A checkpoint is not signed by the log's receipt key, or is of another log.
    #[error("a checkpoint is not of this log")]
    Checkpoint,
    /// A record is larger than one may be.
    #[error("a record is too large")]
    TooLarge,
}

/// What a log begins with. Public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditOpening {
    /// The deployment.
    pub deployment: Name,
    /// Digest of its charter.
    pub charter: CharterDigest,
    /// The boot.
    pub boot: BootId,
    /// Which log of this boot.
    pub segment: u32,
    /// Key that signs checkpoints, and receipts, in this boot.
    pub receipt_key: VerifyingKey,
    /// HPKE's encapsulated key, to the owner's audit key.
    #[serde(with = "serde_bytes")]
    pub encapsulated: Vec<u8>,
    /// The log that this one follows, as far as the enclave was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousLog>,
    /// When it began.
    pub time: UnixMillis,
}

/// The log before this one. After a restart, what the host handed over: it can be old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousLog {
    /// Its boot.
    pub boot: BootId,
    /// Which of that boot.
    pub segment: u32,
    /// Records that it had.
    pub records: u64,
    /// Its head then.
    pub head: AuditHead,
}

impl AuditOpening {
    /// Reads an opening.
    ///
    /// # Errors
    /// [`AuditError::Opening`].
    pub fn decode(bytes: &[u8]) -> Result<Self, AuditError> {
        cbor::decode(bytes, OPENING_CBOR).map_err(|_: CborError| AuditError::Opening)
    }

    /// Writes an opening in its canonical form.
    ///
    /// # Errors
    /// [`AuditError::Opening`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, AuditError> {
        cbor::encode_canonical(self).map_err(|_| AuditError::Opening)
    }

    /// What `user_data` of the opening's attestation document has to be.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> AuditOpeningDigest {
        AuditOpeningDigest::of(bytes)
    }
}

/// The enclave's word on how far a log has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The boot.
    pub boot: BootId,
    /// Which log of it.
    pub segment: u32,
    /// Number of records.
    pub records: u64,
    /// Head of their chain.
    pub head: AuditHead,
    /// When it was signed.
    pub time: UnixMillis,
}

impl Checkpoint {
    /// Signs.
    ///
    /// # Errors
    /// [`AuditError::Random`] when the source fails.
    pub fn sign(&self, key: &SigningKey, random: &dyn SecureRandom) -> Result<Vec<u8>, AuditError> {
        let payload = cbor::encode_canonical(self).map_err(|_| AuditError::TooLarge)?;
        signed::sign(label::AUDIT_CHECKPOINT, payload, key, random).map_err(|_| AuditError::Random)
    }

    /// Verifies that the log's receipt key signed it, and that it is of this log.
    ///
    /// # Errors
    /// [`AuditError::Checkpoint`].
    pub fn open(document: &[u8], log: &AuditOpening) -> Result<Self, AuditError> {
        Self::open_under(document, &log.receipt_key, log.boot, log.segment)
    }

    /// The same for who holds no opening, but knows the boot's receipt key from its claims.
    ///
    /// # Errors
    /// [`AuditError::Checkpoint`].
    pub fn open_under(
        document: &[u8],
        receipt_key: &VerifyingKey,
        boot: BootId,
        segment: u32,
    ) -> Result<Self, AuditError> {
        let keys = std::slice::from_ref(receipt_key);
        let opened = signed::open(label::AUDIT_CHECKPOINT, document, keys, CHECKPOINT_CBOR);
        let opened = opened.map_err(|_| AuditError::Checkpoint)?;
        let checkpoint: Self =
            cbor::decode(opened.payload(), CHECKPOINT_CBOR).map_err(|_| AuditError::Checkpoint)?;
        let same = (checkpoint.boot, checkpoint.segment) == (boot, segment);
        if same { Ok(checkpoint) } else { Err(AuditError::Checkpoint) }
    }
}
