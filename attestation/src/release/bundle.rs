//! A release as it is stored and handed over: three byte strings in one file.

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::MAX_RELEASE_BYTES;

use super::{ReleaseBytes, ReleaseError};

const BUNDLE_CBOR: Bounds = Bounds { max_bytes: MAX_RELEASE_BYTES, max_depth: 2, max_items: 8 };

/// The file that an owner hands to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// COSE_Sign1 of the release.
    #[serde(with = "serde_bytes")]
    pub release: Vec<u8>,
    /// Public controls.
    #[serde(with = "serde_bytes")]
    pub controls: Vec<u8>,
    /// The private part as a sealed package.
    #[serde(with = "serde_bytes")]
    pub private: Vec<u8>,
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// [`ReleaseError::Bundle`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReleaseError> {
        cbor::decode(bytes, BUNDLE_CBOR).map_err(|_| ReleaseError::Bundle)
    }

    /// Writes a bundle.
    ///
    /// # Errors
    /// [`ReleaseError::Bundle`] when it exceeds [`MAX_RELEASE_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, ReleaseError> {
        let bytes = cbor::encode_canonical(self).map_err(|_| ReleaseError::Bundle)?;
        if bytes.len() > MAX_RELEASE_BYTES { Err(ReleaseError::Bundle) } else { Ok(bytes) }
    }

    /// The public half, to be judged.
    #[must_use]
    pub fn public(&self) -> ReleaseBytes<'_> {
        ReleaseBytes { release: &self.release, controls: &self.controls }
    }
}
