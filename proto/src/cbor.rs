//! The one place where CBOR (RFC 8949) is decoded and encoded.
//!
//! Every decode first walks the bytes with [`scan`], which bounds size, depth and item count and
//! rejects trailing bytes, duplicate map keys, tags and reserved encodings. Only then does the archived
//! but widely used `serde_cbor` see them (`docs/adr/0002-serde-cbor.md`). Nothing else in the
//! workspace may call `serde_cbor` on bytes from outside.

mod scan;
#[cfg(test)]
mod tests;

use std::io;

use serde::{Deserialize, Serialize};

pub use scan::scan;

/// What a CBOR input may cost before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Length of the whole input in bytes.
    pub max_bytes: usize,
    /// Nesting of arrays and maps; a lone integer has depth 1.
    pub max_depth: u8,
    /// Data items in total, keys and values counted each.
    pub max_items: usize,
}

/// Why bytes were refused. Carries no part of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// More bytes than [`Bounds::max_bytes`].
    #[error("longer than the bound")]
    TooLong,
    /// The input ends inside an item.
    #[error("ends inside an item")]
    Truncated,
    /// Bytes follow the one expected item.
    #[error("trailing bytes")]
    Trailing,
    /// Nested deeper than [`Bounds::max_depth`].
    #[error("nested too deep")]
    TooDeep,
    /// More items than [`Bounds::max_items`].
    #[error("too many items")]
    TooManyItems,
    /// A map names one key twice.
    #[error("duplicate map key")]
    DuplicateKey,
    /// An encoding that RFC 8949 reserves or forbids, or a tag.
    #[error("malformed item")]
    Malformed,
    /// Well-formed CBOR of another shape than the expected type.
    #[error("not the expected shape")]
    Shape,
    /// A value that cannot be written as CBOR.
    #[error("value cannot be encoded")]
    Encode,
}

/// Decodes exactly one item of type `T` that fills `bytes`.
///
/// # Errors
/// Any [`CborError`] of the scan, or [`CborError::Shape`] when the item is not a `T`.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], bounds: Bounds) -> Result<T, CborError> {
    scan(bytes, bounds)?;
    // Names of fields and variants are text, and nothing else stands for one.
    let mut reader =
        serde_cbor::Deserializer::from_slice(bytes).disable_packed_format().disable_legacy_enums();
    T::deserialize(&mut reader).map_err(|_| CborError::Shape)
}

/// As [`decode`], for a `T` that takes whatever stands there, and judges by itself what is a name: maps with numbers for keys,
/// of other people's documents.
///
/// # Errors
/// As [`decode`].
pub fn decode_tree<'a, T: Deserialize<'a>>(bytes: &'a [u8], bounds: Bounds) -> Result<T, CborError> {
    scan(bytes, bounds)?;
    T::deserialize(&mut serde_cbor::Deserializer::from_slice(bytes)).map_err(|_| CborError::Shape)
}

/// Encodes deterministically: definite lengths, shortest integers, map keys in length-first order
/// (RFC 8949 section 4.2.3). For documents that are signed or hashed.
///
/// # Errors
/// [`CborError::Encode`] when `value` has no CBOR form.
pub fn encode_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
    let tree = serde_cbor::value::to_value(value).map_err(|_| CborError::Encode)?;
    serde_cbor::to_vec(&tree).map_err(|_| CborError::Encode)
}

/// Encodes in field order without building a tree first. For messages with large byte strings.
///
/// The bytes are counted before they are written, so that they are allocated once: a buffer that grows
/// leaves pieces of a plaintext behind, and takes up to twice the memory.
///
/// # Errors
/// [`CborError::Encode`] when `value` has no CBOR form.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
    let mut length = Length(0);
    serde_cbor::to_writer(&mut length, value).map_err(|_| CborError::Encode)?;
    let mut bytes = Vec::with_capacity(length.0);
    serde_cbor::to_writer(&mut bytes, value).map_err(|_| CborError::Encode)?;
    Ok(bytes)
}

/// Counts what is written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
