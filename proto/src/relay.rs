//! What host and enclave ask each other besides relaying: boot documents, credentials, package ranges,
//! and what the host keeps for the enclave.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cbor::{self, CborError};
use crate::limits::{AUDIT_CBOR, AUDIT_RECORD_BYTES, CLEAR_CBOR, MAX_AUDIT_BATCH_RECORDS};
use crate::name::PackageId;

/// What the host hands to a booting enclave. All of it is public or sealed, and verified by the enclave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootDocuments {
    /// The owner's charter.
    #[serde(with = "serde_bytes")]
    pub charter: Vec<u8>,
    /// The current release bundle.
    #[serde(with = "serde_bytes")]
    pub release: Vec<u8>,
    /// The state that an earlier boot handed over last, as it was; empty when there is none.
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
}

/// Temporary AWS credentials of the host's role. They authorize a KMS call that only an attested
/// enclave can profit from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token.
    pub session_token: String,
    /// When they expire, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}

/// A range of a package. The answer holds fewer bytes only at the end of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Which package.
    pub package: PackageId,
    /// First byte.
    pub offset: u64,
    /// Number of bytes, at most [`crate::limits::MAX_RANGE_BYTES`].
    pub length: u32,
}

/// What an enclave says of itself to its host, all of it public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Whether a release is being served.
    pub serving: bool,
    /// Epoch of the release that is served, 0 before the first.
    pub epoch: u64,
    /// Sessions held.
    pub sessions: u64,
    /// Requests answered since boot, refusals included.
    pub answered: u64,
    /// Messages since boot that a panic has cost. An enclave that does not say so has none to tell of.
    #[serde(default)]
    pub panics: u64,
    /// Why the latest release was not taken over, in public words; empty if it was.
    pub refusal: String,
}

/// A stretch of the audit log of one boot. The host can keep it, and read no more of it than its length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditBatch {
    /// Random name of the boot, 16 bytes.
    #[serde(with = "serde_bytes")]
    pub boot: [u8; 16],
    /// Which log of this boot: a release with another audit key begins another one.
    pub segment: u32,
    /// What the log begins with: bytes that its attestation document commits to. Repeated with every batch.
    #[serde(with = "serde_bytes")]
    pub opening: Vec<u8>,
    /// The attestation document of the opening.
    #[serde(with = "serde_bytes")]
    pub document: Vec<u8>,
    /// Number of the first record here; the log's first has number 0.
    pub first: u64,
    /// Sealed records, each of [`AUDIT_RECORD_BYTES`].
    pub records: Vec<serde_bytes::ByteBuf>,
    /// The enclave's signature under the number of records so far, these included, and the head of their chain.
    #[serde(with = "serde_bytes")]
    pub checkpoint: Vec<u8>,
}

impl AuditBatch {
    /// Reads a batch.
    ///
    /// # Errors
    /// Any [`CborError`]; [`CborError::Shape`] for a record of another size, [`CborError::TooManyItems`] for
    /// more than [`MAX_AUDIT_BATCH_RECORDS`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let batch: Self = cbor::decode(bytes, AUDIT_CBOR)?;
        if batch.records.len() > MAX_AUDIT_BATCH_RECORDS {
            return Err(CborError::TooManyItems);
        }
        let whole = batch.records.iter().all(|record| record.len() == AUDIT_RECORD_BYTES);
        if whole && batch.first.checked_add(batch.records.len() as u64).is_some() {
            Ok(batch)
        } else {
            Err(CborError::Shape)
        }
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }
}

macro_rules! clear_message {
    ($($type:ty),*) => {$(
        impl $type {
            /// Reads the message.
            ///
            /// # Errors
            /// Any [`CborError`].
            pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
                cbor::decode(bytes, CLEAR_CBOR)
            }

            /// Writes the message.
            ///
            /// # Errors
            /// [`CborError::Encode`], which these fields do not cause.
            pub fn encode(&self) -> Result<Vec<u8>, CborError> {
                cbor::encode(self)
            }
        }
    )*};
}

clear_message!(BootDocuments, Credentials, Range, Status);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_print() {
        let credentials = Credentials {
            access_key_id: "AKIA".into(),
            secret_access_key: "secret".into(),
            session_token: "token".into(),
            expires_ms: 5,
        };
        assert_eq!(format!("{credentials:?}"), "Credentials { expires_ms: 5, .. }");
        assert_eq!(Credentials::decode(&credentials.encode().unwrap()).unwrap(), credentials);
    }

    #[test]
    fn a_batch_holds_whole_records_alone() {
        let batch = AuditBatch {
            boot: [1; 16],
            segment: 0,
            opening: vec![1],
            document: vec![2],
            first: 5,
            records: vec![serde_bytes::ByteBuf::from(vec![0; AUDIT_RECORD_BYTES]); 3],
            checkpoint: vec![3],
        };
        assert_eq!(AuditBatch::decode(&batch.encode().unwrap()), Ok(batch.clone()));
        let torn = AuditBatch { records: vec![serde_bytes::ByteBuf::from(vec![0; 3])], ..batch.clone() };
        assert_eq!(AuditBatch::decode(&torn.encode().unwrap()), Err(CborError::Shape));
        let overflow = AuditBatch { first: u64::MAX, ..batch };
        assert_eq!(AuditBatch::decode(&overflow.encode().unwrap()), Err(CborError::Shape));
    }

    #[test]
    fn the_largest_batch_fits_its_bound() {
        let records = vec![serde_bytes::ByteBuf::from(vec![0; AUDIT_RECORD_BYTES]); MAX_AUDIT_BATCH_RECORDS];
        let batch = AuditBatch {
            boot: [1; 16],
            segment: u32::MAX,
            opening: vec![0; 8192],
            document: vec![0; 16 * 1024],
            first: u64::MAX / 2,
            records,
            checkpoint: vec![0; 1024],
        };
        assert!(AuditBatch::decode(&batch.encode().unwrap()).is_ok());
    }

    #[test]
    fn a_range_cannot_name_a_path() {
        let range = Range { package: "fraud@1".parse().unwrap(), offset: 1, length: 2 };
        let mut bytes = range.encode().unwrap();
        assert_eq!(Range::decode(&bytes).unwrap(), range);
        let at = bytes.windows(5).position(|window| window == b"fraud").unwrap();
        bytes[at] = b'/';
        assert_eq!(Range::decode(&bytes), Err(CborError::Shape));
    }
}
