//! Sealed packages.

use ring::digest::{SHA256, digest};
use serde_json::json;
use strongroom_seal::package::{
    Accepted, Header, MAGIC, Manifest, ModelManifest, Opener, PackageError, PrivateManifest,
};
use strongroom_seal::secret::DataKey;

use super::{Verdict, found, keys};
use crate::case::Case;
use crate::tree::{bytes as hexed, tree};

pub(super) fn model(case: &Case, bytes: &[u8]) -> Verdict {
    package::<ModelManifest>(case, bytes)
}

pub(super) fn private(case: &Case, bytes: &[u8]) -> Verdict {
    package::<PrivateManifest>(case, bytes)
}

fn package<M: Manifest>(case: &Case, bytes: &[u8]) -> Verdict {
    let (header, chunks) = Header::split(bytes)?;
    let deployment = case.text("deployment")?.parse()?;
    let expected = case.array("manifest_digest")?;
    let accepted = Accepted::<M>::judge(header, &keys(case, "keys")?, &deployment, &expected)?;
    let plain = open(accepted.opener(&DataKey::take(&mut case.array("data_key")?))?, chunks)?;
    found(json!({
        "format_version": MAGIC[7],
        "manifest": tree(accepted.manifest())?,
        "encryption_context": accepted.encryption_context(),
        "key_arn": accepted.key_arn(),
        "wrapped_key": hexed(accepted.wrapped_key()),
        "content_sha256": hex::encode(digest(&SHA256, &plain)),
    }))
}

fn open(mut opener: Opener, mut chunks: &[u8]) -> Result<Vec<u8>, PackageError> {
    let mut plain = Vec::new();
    while opener.next_bytes() > 0 {
        let (chunk, rest) = chunks.split_at(opener.next_bytes().min(chunks.len()));
        chunks = rest;
        plain.extend(opener.open_next(&mut chunk.to_vec())?);
    }
    opener.finish()?;
    if chunks.is_empty() { Ok(plain) } else { Err(PackageError::Trailing) }
}
