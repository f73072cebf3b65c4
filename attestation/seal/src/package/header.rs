//! The bytes before the chunks.

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor;

use super::PackageError;
use crate::limits::{DOCUMENT_CBOR, MAX_PACKAGE_HEADER_BYTES, MAX_WRAPPED_KEY_BYTES};

/// First bytes of a package; the last one is the format's version.
pub const MAGIC: [u8; 8] = *b"SRSEAL\x00\x01";

/// Bytes before the header: magic and length.
pub const PREFIX_BYTES: usize = MAGIC.len() + 4;

/// The first bytes of a package, which say how long the header is.
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    header_bytes: usize,
}

impl Prefix {
    /// Reads the prefix.
    ///
    /// # Errors
    /// [`PackageError::Header`] for other bytes or a header beyond its bound.
    pub fn parse(bytes: [u8; PREFIX_BYTES]) -> Result<Self, PackageError> {
        let (magic, length) = bytes.split_first_chunk::<8>().ok_or(PackageError::Header)?;
        let length = length.try_into().map(u32::from_be_bytes).map_err(|_| PackageError::Header)?;
        let header_bytes = usize::try_from(length).map_err(|_| PackageError::Header)?;
        let fits = (1..=MAX_PACKAGE_HEADER_BYTES).contains(&header_bytes);
        if *magic == MAGIC && fits { Ok(Self { header_bytes }) } else { Err(PackageError::Header) }
    }

    /// Bytes of the header.
    #[must_use]
    pub fn header_bytes(self) -> usize {
        self.header_bytes
    }

    /// Where the first chunk starts in the package.
    #[must_use]
    pub fn content_offset(self) -> u64 {
        (PREFIX_BYTES + self.header_bytes) as u64
    }
}

/// The header of a package, unverified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// COSE_Sign1 of the manifest.
    #[serde(with = "serde_bytes")]
    pub manifest: Vec<u8>,
    /// ARN of the KMS key that wraps the data key.
    pub key_arn: String,
    /// The data key under that KMS key.
    #[serde(with = "serde_bytes")]
    pub wrapped_key: Vec<u8>,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`PackageError::Header`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackageError> {
        let header: Self = cbor::decode(bytes, DOCUMENT_CBOR).map_err(|_| PackageError::Header)?;
        let fits = header.wrapped_key.len() <= MAX_WRAPPED_KEY_BYTES;
        if fits { Ok(header) } else { Err(PackageError::Header) }
    }

    /// Splits a whole package held in memory into header and chunks.
    ///
    /// # Errors
    /// [`PackageError::Header`] when prefix or header are damaged.
    pub fn split(package: &[u8]) -> Result<(Self, &[u8]), PackageError> {
        let (prefix, rest) = package.split_first_chunk().ok_or(PackageError::Header)?;
        let prefix = Prefix::parse(*prefix)?;
        let (header, chunks) = rest.split_at_checked(prefix.header_bytes()).ok_or(PackageError::Header)?;
        Ok((Self::decode(header)?, chunks))
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, PackageError> {
        let header = cbor::encode_canonical(self).map_err(|_| PackageError::Header)?;
        let length = u32::try_from(header.len()).map_err(|_| PackageError::Header)?;
        Ok([MAGIC.as_slice(), &length.to_be_bytes(), &header].concat())
    }
}
