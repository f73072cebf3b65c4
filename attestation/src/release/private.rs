//! The private part of a release: what only owner and enclave may know.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds, CborError};
use strongroom_proto::limits::MAX_RELEASE_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::secret::ApiKeyDigest;

const PRIVATE_CBOR: Bounds = Bounds { max_bytes: MAX_RELEASE_BYTES, max_depth: 6, max_items: 4_000_000 };

/// The private part. No `Debug`: it is secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Private {
    /// Who may ask for what.
    pub access: Vec<Access>,
}

/// What one API key may do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// SHA-256 of the key.
    pub key: ApiKeyDigest,
    /// Models it may ask, by name. An empty set allows none.
    pub models: BTreeSet<Name>,
}

impl Private {
    /// Reads a private part.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        cbor::decode(bytes, PRIVATE_CBOR)
    }

    /// Writes a private part.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }
}
