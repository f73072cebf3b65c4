//! The enclave's side: judge the manifest, then open chunk by chunk.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use strongroom_proto::cbor;
use strongroom_proto::name::Name;

use super::chunk::{ChunkKey, Position};
use super::seal::encryption_context;
use super::{ChunkPlan, Header, Manifest, PackageError, TAG_BYTES};
use crate::digest::labelled;
use crate::key::VerifyingKey;
use crate::limits::DOCUMENT_CBOR;
use crate::secret::DataKey;
use crate::signed;

/// A package whose manifest is the owner's and the one that was asked for.
///
/// The only constructor is that check. It can name the key to ask KMS for, and become an [`Opener`].
pub struct Accepted<M> {
    manifest: M,
    digest: [u8; 48],
    header: Header,
}

impl<M: Manifest> Accepted<M> {
    /// Judges a header: signature by one of `keys`, deployment, digest of the manifest, sense.
    ///
    /// # Errors
    /// The first of signature, [`PackageError::Swapped`], [`PackageError::Deployment`], [`PackageError::Manifest`].
    pub fn judge(
        header: Header,
        keys: &[VerifyingKey],
        deployment: &Name,
        expected: &[u8; 48],
    ) -> Result<Self, PackageError> {
        let opened = signed::open(M::LABEL, &header.manifest, keys, DOCUMENT_CBOR)?;
        let digest = labelled(M::LABEL, opened.payload());
        if digest != *expected {
            return Err(PackageError::Swapped);
        }
        let manifest: M = cbor::decode(opened.payload(), DOCUMENT_CBOR)
            .map_err(|_| PackageError::Manifest("not a manifest of this kind"))?;
        if manifest.deployment() != deployment {
            return Err(PackageError::Deployment);
        }
        manifest.check()?;
        Ok(Self { manifest, digest, header })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &M {
        &self.manifest
    }

    /// ARN of the KMS key that wraps the data key. The caller checks it against the charter.
    #[must_use]
    pub fn key_arn(&self) -> &str {
        &self.header.key_arn
    }

    /// The wrapped data key.
    #[must_use]
    pub fn wrapped_key(&self) -> &[u8] {
        &self.header.wrapped_key
    }

    /// Encryption context that the data key was wrapped with.
    #[must_use]
    pub fn encryption_context(&self) -> BTreeMap<String, String> {
        encryption_context(&self.manifest, &self.digest)
    }

    /// Goes on to the chunks.
    ///
    /// # Errors
    /// [`PackageError::Manifest`] for an impossible content, which [`Self::judge`] has ruled out.
    pub fn opener(&self, key: &DataKey) -> Result<Opener, PackageError> {
        let plan = ChunkPlan::new(self.manifest.content())?;
        let expected = self.manifest.content().sha256;
        let chunks = ChunkKey::new(key, self.digest)?;
        Ok(Opener { plan, chunks, expected, sha256: Context::new(&SHA256), next: 0 })
    }
}

/// Opens the chunks of a package in their order.
pub struct Opener {
    plan: ChunkPlan,
    chunks: ChunkKey,
    expected: [u8; 32],
    sha256: Context,
    next: u32,
}

impl Opener {
    /// How the content is cut.
    #[must_use]
    pub fn plan(&self) -> ChunkPlan {
        self.plan
    }

    /// Bytes of the next sealed chunk with its tag; 0 after the last.
    #[must_use]
    pub fn next_bytes(&self) -> usize {
        if self.next == self.plan.count() { 0 } else { self.plan.plain_bytes(self.next) + TAG_BYTES }
    }

    /// Opens the next chunk in place and returns its plaintext.
    ///
    /// # Errors
    /// [`PackageError::Truncated`] for a short chunk, [`PackageError::Trailing`] after the last one,
    /// [`PackageError::Chunk`] for one that is not authentic here.
    pub fn open_next<'a>(&mut self, chunk: &'a mut [u8]) -> Result<&'a [u8], PackageError> {
        let index = self.next;
        if index == self.plan.count() {
            return Err(PackageError::Trailing);
        }
        if chunk.len() != self.next_bytes() {
            return Err(PackageError::Truncated(index));
        }
        let plain = self.chunks.open(Position { index, last: self.plan.is_last(index) }, chunk)?;
        self.sha256.update(plain);
        self.next += 1;
        Ok(plain)
    }

    /// Ends the package: every chunk seen, and together they are the manifest's content.
    ///
    /// # Errors
    /// [`PackageError::Truncated`] or [`PackageError::Content`].
    pub fn finish(self) -> Result<(), PackageError> {
        if self.next != self.plan.count() {
            return Err(PackageError::Truncated(self.next));
        }
        let same = self.sha256.finish().as_ref() == self.expected;
        if same { Ok(()) } else { Err(PackageError::Content) }
    }
}
