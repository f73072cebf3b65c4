//! How a content is cut into chunks, and how one chunk is sealed and opened.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Content, PackageError};
use crate::limits::{MAX_CHUNK_BYTES, MAX_CONTENT_BYTES, MIN_CHUNK_BYTES};
use crate::secret::{DataKey, wipe_stack};

/// Bytes of the tag after each chunk.
pub const TAG_BYTES: usize = 16;

/// The cut of a content: how many chunks and how long each is.
#[derive(Clone, Copy, Debug)]
pub struct ChunkPlan {
    chunk_bytes: u64,
    length: u64,
    count: u32,
}

impl ChunkPlan {
    /// Plans the chunks of a content.
    ///
    /// # Errors
    /// [`PackageError::Manifest`] for an empty or too large content, or a chunk size out of bounds.
    pub fn new(content: &Content) -> Result<Self, PackageError> {
        if !(MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES).contains(&content.chunk_bytes) {
            return Err(PackageError::Manifest("chunk size is out of bounds"));
        }
        if content.length == 0 || content.length > MAX_CONTENT_BYTES {
            return Err(PackageError::Manifest("content is empty or too large"));
        }
        let chunk_bytes = u64::from(content.chunk_bytes);
        let count = u32::try_from(content.length.div_ceil(chunk_bytes));
        let count = count.map_err(|_| PackageError::Manifest("too many chunks"))?;
        Ok(Self { chunk_bytes, length: content.length, count })
    }

    /// Number of chunks, at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Plaintext bytes of chunk `index`.
    #[must_use]
    pub fn plain_bytes(&self, index: u32) -> usize {
        let left = self.length.saturating_sub(u64::from(index) * self.chunk_bytes);
        usize::try_from(left.min(self.chunk_bytes)).unwrap_or_default()
    }

    /// Where sealed chunk `index` starts, counted from the first.
    #[must_use]
    pub fn sealed_offset(&self, index: u32) -> u64 {
        u64::from(index) * (self.chunk_bytes + TAG_BYTES as u64)
    }

    /// Bytes of all sealed chunks.
    #[must_use]
    pub fn sealed_bytes(&self) -> u64 {
        self.length + u64::from(self.count) * TAG_BYTES as u64
    }

    pub(super) fn is_last(&self, index: u32) -> bool {
        index + 1 == self.count
    }
}

/// Seals or opens the chunks of one package.
pub(super) struct ChunkKey {
    /// Where it is, it stays: a key that moves leaves copies on the stack.
    key: Box<LessSafeKey>,
    manifest: [u8; 48],
}

impl ChunkKey {
    pub(super) fn new(key: &DataKey, manifest: [u8; 48]) -> Result<Self, PackageError> {
        let key = boxed(key);
        wipe_stack();
        Ok(Self { key: key?, manifest })
    }

    pub(super) fn seal(&self, at: Position, chunk: &mut Vec<u8>) -> Result<(), PackageError> {
        let sealed = self.key.seal_in_place_append_tag(at.nonce(), Aad::from(&self.manifest), chunk);
        sealed.map_err(|_| PackageError::Chunk(at.index))
    }

    pub(super) fn open<'a>(&self, at: Position, chunk: &'a mut [u8]) -> Result<&'a [u8], PackageError> {
        let opened = self.key.open_in_place(at.nonce(), Aad::from(&self.manifest), chunk);
        opened.map(|plain| &*plain).map_err(|_| PackageError::Chunk(at.index))
    }
}

#[inline(never)]
fn boxed(key: &DataKey) -> Result<Box<LessSafeKey>, PackageError> {
    let key = UnboundKey::new(&AES_256_GCM, key.expose_secret()).map_err(|_| PackageError::Header)?;
    Ok(Box::new(LessSafeKey::new(key)))
}

/// Where a chunk stands.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) index: u32,
    pub(super) last: bool,
}

impl Position {
    fn nonce(self) -> Nonce {
        let [a, b, c, d] = self.index.to_be_bytes();
        Nonce::assume_unique_for_key([0, 0, 0, 0, 0, 0, 0, a, b, c, d, u8::from(self.last)])
    }
}
