//! Claims: what an enclave says of itself, to which its attestation document commits.

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds, CborError};
use strongroom_seal::digest::{CharterDigest, ControlsDigest, ReleaseDigest};
use strongroom_seal::key::VerifyingKey;

use crate::release::ReleasedModel;

/// The version of the protocol that these claims belong to.
pub const PROTOCOL_VERSION: u64 = 1;

/// Bytes of an X-Wing public key.
pub const CHANNEL_KEY_BYTES: usize = 1216;

const CLAIMS_CBOR: Bounds = Bounds { max_bytes: 128 * 1024, max_depth: 6, max_items: 2048 };

/// Random name of one run of an enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(#[serde(with = "serde_bytes")] [u8; 16]);

impl BootId {
    /// Takes random bytes.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What an enclave says of itself. Its canonical CBOR is hashed into the document's `user_data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u64,
    /// Digest of the charter.
    pub charter: CharterDigest,
    /// Digest of the release.
    pub release: ReleaseDigest,
    /// Epoch of the release.
    pub epoch: u64,
    /// Digest of the public controls.
    pub controls: ControlsDigest,
    /// The models that are loaded.
    pub models: Vec<ReleasedModel>,
    /// X-Wing public key of the offers, [`CHANNEL_KEY_BYTES`] long.
    #[serde(with = "serde_bytes")]
    pub channel_key: Vec<u8>,
    /// Key that signs receipts in this boot.
    pub receipt_key: VerifyingKey,
    /// This run of the enclave.
    pub boot: BootId,
}

impl Claims {
    /// Reads claims.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        cbor::decode(bytes, CLAIMS_CBOR)
    }

    /// Writes claims in their canonical form.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode_canonical(self)
    }
}
