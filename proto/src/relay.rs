//! What host and enclave ask each other besides relaying: boot documents, credentials, package ranges.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cbor::{self, CborError};
use crate::limits::CLEAR_CBOR;
use crate::name::PackageId;

/// What the host hands to a booting enclave. Both are public and verified by the enclave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootDocuments {
    /// The owner's charter.
    #[serde(with = "serde_bytes")]
    pub charter: Vec<u8>,
    /// The current release bundle.
    #[serde(with = "serde_bytes")]
    pub release: Vec<u8>,
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
    /// Why the latest release was not taken over, in public words; empty if it was.
    pub refusal: String,
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
    fn a_range_cannot_name_a_path() {
        let range = Range { package: "fraud@1".parse().unwrap(), offset: 1, length: 2 };
        let mut bytes = range.encode().unwrap();
        assert_eq!(Range::decode(&bytes).unwrap(), range);
        let at = bytes.windows(5).position(|window| window == b"fraud").unwrap();
        bytes[at] = b'/';
        assert_eq!(Range::decode(&bytes), Err(CborError::Shape));
    }
}
