//! `open-package`: decrypting and verifying while loading, on one core, beside the bare algorithms.

use std::time::Instant;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::rand::SystemRandom;
use serde_json::json;
use strongroom_seal::key::{Algorithm, SigningKey, VerifyingKey};
use strongroom_seal::limits::DEFAULT_CHUNK_BYTES;
use strongroom_seal::package::{
    Accepted, Header, PackageError, PrivateManifest, SignedManifest, WrappedKey, measure,
};
use strongroom_seal::secret::DataKey;

use super::say;
use crate::error::BenchError;

/// Key of what is sealed here, which is nobody's.
const KEY: [u8; 32] = [7; 32];

/// Arguments of `open-package`.
#[derive(clap::Args)]
pub(super) struct OpenPackageArguments {
    /// Size of the content, in MiB.
    #[arg(long, default_value_t = 90)]
    mib: usize,
    /// How often.
    #[arg(long, default_value_t = 5)]
    times: usize,
}

/// A package in memory, and what it is judged with.
struct Sealed {
    owner: VerifyingKey,
    digest: [u8; 48],
    package: Vec<u8>,
}

pub(super) fn run(arguments: &OpenPackageArguments) -> Result<(), BenchError> {
    let content: Vec<u8> = (0..arguments.mib << 20).map(|at| (at ^ (at >> 8)) as u8).collect();
    let sealed = Sealed::new(&content)?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..arguments.times {
        ours.push(gigabytes_per_second(content.len(), || sealed.open())?);
        bare.push(gigabytes_per_second(content.len(), || algorithms(&content))?);
    }
    say(&json!({ "bytes": content.len(), "ours_gb_per_second": ours, "bare_gb_per_second": bare }))
}

fn gigabytes_per_second<E>(bytes: usize, work: impl FnOnce() -> Result<(), E>) -> Result<f64, BenchError>
where
    BenchError: From<E>,
{
    let start = Instant::now();
    work()?;
    Ok(bytes as f64 / start.elapsed().as_secs_f64() / 1e9)
}

impl Sealed {
    fn new(content: &[u8]) -> Result<Self, BenchError> {
        let random = SystemRandom::new();
        let wrong = |_| PackageError::Manifest("not a key");
        let (owner, _) = SigningKey::generate(Algorithm::Es384, &random).map_err(wrong)?;
        let measured = measure(&mut &*content, DEFAULT_CHUNK_BYTES)?;
        let deployment = "bench".parse().map_err(|_| PackageError::Deployment)?;
        let manifest = PrivateManifest { deployment, epoch: 1, content: measured };
        let signed = SignedManifest::sign(manifest, &owner, &random)?;
        let wrapped = WrappedKey { key_arn: "arn".into(), blob: vec![1] };
        let mut package = Vec::with_capacity(content.len() + (content.len() >> 8) + 4096);
        signed.seal(&DataKey::take(&mut KEY.clone()), wrapped, &mut &*content, &mut package)?;
        Ok(Self { owner: owner.public().clone(), digest: signed.digest(), package })
    }

    /// As the enclave does: the manifest is judged, then chunk after chunk is copied in, opened and hashed.
    fn open(&self) -> Result<(), PackageError> {
        let (header, mut rest) = Header::split(&self.package)?;
        let deployment = "bench".parse().map_err(|_| PackageError::Deployment)?;
        let keys = std::slice::from_ref(&self.owner);
        let accepted = Accepted::<PrivateManifest>::judge(header, keys, &deployment, &self.digest)?;
        let mut opener = accepted.opener(&DataKey::take(&mut KEY.clone()))?;
        let mut buffer = Vec::new();
        while opener.next_bytes() > 0 {
            let (chunk, after) = rest.split_at_checked(opener.next_bytes()).ok_or(PackageError::Trailing)?;
            rest = after;
            buffer.clear();
            buffer.extend_from_slice(chunk);
            opener.open_next(&mut buffer)?;
        }
        opener.finish()
    }
}

/// AES-256-GCM and SHA-256 over as many bytes in pieces of the same size, and nothing else.
fn algorithms(content: &[u8]) -> Result<(), PackageError> {
    let wrong = |_| PackageError::Chunk(0);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).map_err(wrong)?);
    let (mut sha256, mut buffer) = (Context::new(&SHA256), Vec::new());
    for chunk in content.chunks(DEFAULT_CHUNK_BYTES as usize) {
        buffer.clear();
        buffer.extend_from_slice(chunk);
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        // Sealing is the same work as opening, and needs nothing prepared.
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer).map_err(wrong)?;
        sha256.update(&buffer);
        sha256.update(tag.as_ref());
    }
    std::hint::black_box(sha256.finish());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens() {
        let sealed = Sealed::new(&[3; 3 << 20]).unwrap();
        assert!(sealed.open().is_ok());
    }
}
