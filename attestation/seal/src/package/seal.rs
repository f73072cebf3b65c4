//! The owner's side: measure the content, sign the manifest, encrypt.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use ring::digest::{Context, SHA256};
use ring::rand::SecureRandom;
use strongroom_proto::cbor;
use zeroize::Zeroizing;

use super::chunk::{ChunkKey, Position};
use super::{ChunkPlan, Content, Header, Manifest, PackageError, TAG_BYTES};
use crate::digest::labelled;
use crate::key::SigningKey;
use crate::secret::DataKey;
use crate::signed;

/// A data key as KMS wrapped it.
#[derive(Clone, Debug)]
pub struct WrappedKey {
    /// ARN of the KMS key.
    pub key_arn: String,
    /// The ciphertext blob.
    pub blob: Vec<u8>,
}

/// Reads a content once for its SHA-256 and length.
///
/// # Errors
/// [`PackageError::Io`] when it cannot be read.
pub fn measure(content: &mut dyn Read, chunk_bytes: u32) -> Result<Content, PackageError> {
    let mut context = Context::new(&SHA256);
    let mut buffer = Zeroizing::new(vec![0; 64 * 1024]);
    let mut length = 0;
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(buffer.get(..read).unwrap_or_default());
        length += read as u64;
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(Content { sha256, length, chunk_bytes })
}

/// A manifest with the owner's signature.
pub struct SignedManifest<M> {
    manifest: M,
    document: Vec<u8>,
    digest: [u8; 48],
}

impl<M: Manifest> SignedManifest<M> {
    /// Signs a manifest.
    ///
    /// # Errors
    /// [`PackageError::Manifest`] when it contradicts itself, [`PackageError::Signature`] when signing fails.
    pub fn sign(manifest: M, key: &SigningKey, random: &dyn SecureRandom) -> Result<Self, PackageError> {
        manifest.check()?;
        let payload =
            cbor::encode_canonical(&manifest).map_err(|_| PackageError::Manifest("not encodable"))?;
        let digest = labelled(M::LABEL, &payload);
        let document = signed::sign(M::LABEL, payload, key, random)?;
        Ok(Self { manifest, document, digest })
    }

    /// Digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> [u8; 48] {
        self.digest
    }

    /// Encryption context for the package's data key.
    #[must_use]
    pub fn encryption_context(&self) -> BTreeMap<String, String> {
        encryption_context(&self.manifest, &self.digest)
    }

    /// Encrypts `content` and writes the package.
    ///
    /// # Errors
    /// [`PackageError::Content`] when the content is not the one that was measured; [`PackageError::Io`].
    pub fn seal(
        &self,
        key: &DataKey,
        wrapped: WrappedKey,
        content: &mut dyn Read,
        package: &mut dyn Write,
    ) -> Result<(), PackageError> {
        let header =
            Header { manifest: self.document.clone(), key_arn: wrapped.key_arn, wrapped_key: wrapped.blob };
        package.write_all(&header.to_bytes()?)?;
        let plan = ChunkPlan::new(self.manifest.content())?;
        let chunks = ChunkKey::new(key, self.digest)?;
        let mut sha256 = Context::new(&SHA256);
        for index in 0..plan.count() {
            let mut chunk = Zeroizing::new(Vec::with_capacity(plan.plain_bytes(index) + TAG_BYTES));
            (&mut *content).take(plan.plain_bytes(index) as u64).read_to_end(&mut chunk)?;
            sha256.update(&chunk);
            chunks.seal(Position { index, last: plan.is_last(index) }, &mut chunk)?;
            package.write_all(&chunk)?;
        }
        let same = sha256.finish().as_ref() == self.manifest.content().sha256;
        if same { Ok(()) } else { Err(PackageError::Content) }
    }
}

/// What KMS binds the data key to: deployment, what the package is, and its manifest.
pub(super) fn encryption_context<M: Manifest>(manifest: &M, digest: &[u8; 48]) -> BTreeMap<String, String> {
    let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut context = manifest.context();
    context.insert("strongroom:deployment".to_owned(), manifest.deployment().to_string());
    context.insert("strongroom:manifest".to_owned(), hex);
    context
}
