//! The sealed package: an encrypted file, a signed manifest, and the wrapped key between them.
//!
//! ```text
//! "SRSEAL" 0x00 0x01 | u32 length of the header, big endian | header | chunk 0 | chunk 1 | ...
//! header = CBOR { manifest: COSE_Sign1, key_arn, wrapped_key }
//! chunk  = AES-256-GCM of chunk_bytes of plaintext (the last may be shorter) and its 16-byte tag
//! nonce  = 7 zero bytes | u32 index, big endian | 1 for the last chunk, else 0   (STREAM, ePrint 2015/189)
//! associated data = digest of the manifest
//! ```
//!
//! The key is fresh for each package, so the nonce's constant prefix is never reused. Chunks that are
//! changed, dropped, doubled or reordered do not authenticate; the manifest's length and SHA-256 are
//! checked at the end all the same. KMS's answer is confidential but not authentic: it is the signed
//! manifest, bound as associated data, that makes the plaintext the owner's.

mod chunk;
mod header;
mod manifest;
mod open;
mod seal;
#[cfg(test)]
mod tests;

pub use chunk::{ChunkPlan, TAG_BYTES};
pub use header::{Header, MAGIC, PREFIX_BYTES, Prefix};
pub use manifest::{Content, Manifest, ModelManifest, PrivateManifest};
pub use open::{Accepted, Opener};
pub use seal::{SignedManifest, WrappedKey, measure};

/// Why a package was refused. Distinct for the owner; a client never sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not a package, or a damaged header.
    #[error("not a sealed package, or its header is damaged")]
    Header,
    /// The manifest's signature was refused.
    #[error("manifest: {0}")]
    Signature(#[from] crate::signed::SignedError),
    /// The manifest is signed but says something impossible.
    #[error("manifest is not valid: {0}")]
    Manifest(&'static str),
    /// Sealed for another deployment.
    #[error("sealed for another deployment")]
    Deployment,
    /// The manifest is not the one the release names.
    #[error("manifest is not the one that the release names")]
    Swapped,
    /// A chunk is changed, dropped, doubled or out of order.
    #[error("chunk {0} is damaged, missing or out of order")]
    Chunk(u32),
    /// The package ends early.
    #[error("package ends after chunk {0}")]
    Truncated(u32),
    /// Bytes follow the last chunk.
    #[error("bytes follow the last chunk")]
    Trailing,
    /// Every chunk is authentic, but together they are not the content the manifest names.
    #[error("content is not what the manifest names")]
    Content,
    /// The file could not be read or written.
    #[error("file: {0}")]
    Io(std::io::ErrorKind),
}

impl From<std::io::Error> for PackageError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.kind())
    }
}
