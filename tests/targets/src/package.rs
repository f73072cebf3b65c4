//! Sealed packages: header, signed manifest, chunks.

use std::sync::OnceLock;

use strongroom_proto::cbor;
use strongroom_proto::name::Name;
use strongroom_seal::digest::labelled;
use strongroom_seal::key::VerifyingKey;
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::{
    Accepted, ChunkPlan, Header, Manifest, ModelManifest, Opener, PackageError, PrivateManifest, TAG_BYTES,
};
use strongroom_seal::secret::DataKey;
use strongroom_seal::signed::dangerous_unverified_payload;

use crate::rewrite::reads_back;
use crate::seldom::seldom;

/// Deployment that the seeds are sealed for.
pub const DEPLOYMENT: &str = "seeds";

/// Data key that the seeds are sealed with.
pub const DATA_KEY: [u8; 32] = [9; 32];

/// Public key of the owner who signed the seeds; the private one is gone.
const OWNER: &[u8] = include_bytes!("../fixtures/owner.sec1");

const MODEL: &[u8] = include_bytes!("../../fuzz/corpus/package/model");
const PRIVATE: &[u8] = include_bytes!("../../fuzz/corpus/package/private");

/// Plaintext of a seed of `length` bytes.
#[must_use]
pub fn content(length: usize) -> Vec<u8> {
    (0_u8..251).cycle().take(length).collect()
}

/// What the owner sealed, as it was judged.
struct Genuine<M> {
    header: Header,
    digest: [u8; 48],
    accepted: Accepted<M>,
}

/// Opens `bytes` as a sealed package, with and without the owner's signature.
///
/// A header must survive being written; no manifest may lead to chunks that do not add up; and a package that opens
/// to its end must be the one the owner sealed, byte for byte.
pub fn package(bytes: &[u8]) -> bool {
    static SEALED_MODEL: OnceLock<Option<Genuine<ModelManifest>>> = OnceLock::new();
    static SEALED_PRIVATE: OnceLock<Option<Genuine<PrivateManifest>>> = OnceLock::new();
    let model = SEALED_MODEL.get_or_init(|| genuine(MODEL)).as_ref();
    let private = SEALED_PRIVATE.get_or_init(|| genuine(PRIVATE)).as_ref();
    assert!(model.is_some() && private.is_some(), "the seeds are what the owner sealed");
    let (Some(model), Some(private)) = (model, private) else { return false };
    Header::split(bytes).is_ok_and(|(header, chunks)| {
        reads_back(&header, cbor::encode(&header), |bytes, first| {
            Ok(Header::decode(bytes).is_ok_and(|again| again == *first))
        });
        unsigned::<ModelManifest>(&header);
        unsigned::<PrivateManifest>(&header);
        let judged = seldom(bytes);
        signed(model, &header, chunks, judged) | signed(private, &header, chunks, judged)
    })
}

/// What a manifest can say before anyone has looked at its signature.
fn unsigned<M: Manifest>(header: &Header) {
    let Ok(payload) = dangerous_unverified_payload(M::LABEL, &header.manifest, DOCUMENT_CBOR) else { return };
    let Ok(manifest) = cbor::decode::<M>(&payload, DOCUMENT_CBOR) else { return };
    let (checked, plan) = (manifest.check(), ChunkPlan::new(manifest.content()));
    assert!(checked.is_err() || plan.is_ok(), "a manifest that was checked has a plan");
    let Ok(plan) = plan else { return };
    let last = plan.count() - 1;
    let end = plan.sealed_offset(last) + (plan.plain_bytes(last) + TAG_BYTES) as u64;
    assert_eq!(end, plan.sealed_bytes(), "the last chunk ends the package");
}

/// Opens the chunks behind the genuine header, and, where it is to be judged, behind another one.
fn signed<M: Manifest>(genuine: &Genuine<M>, header: &Header, chunks: &[u8], judged: bool) -> bool {
    if *header == genuine.header {
        return opens(&genuine.accepted, chunks);
    }
    if !judged {
        return false;
    }
    let Some(accepted) = judge::<M>(header.clone(), &genuine.digest) else { return false };
    let signed = genuine.accepted.manifest().content();
    assert!(accepted.manifest().content() == signed, "nobody signed this manifest");
    opens(&accepted, chunks)
}

fn judge<M: Manifest>(header: Header, digest: &[u8; 48]) -> Option<Accepted<M>> {
    let (owner, deployment) = owner()?;
    Accepted::judge(header, &[owner], &deployment, digest).ok()
}

fn opens<M: Manifest>(accepted: &Accepted<M>, chunks: &[u8]) -> bool {
    let opener = accepted.opener(&DataKey::take(&mut DATA_KEY.clone()));
    assert!(opener.is_ok(), "a judged manifest can be opened");
    opener.and_then(|opener| open(opener, chunks)).is_ok_and(|plain| {
        assert_eq!(plain, content(plain.len()), "nobody sealed this content");
        true
    })
}

fn open(mut opener: Opener, mut chunks: &[u8]) -> Result<Vec<u8>, PackageError> {
    let mut plain = Vec::new();
    while opener.next_bytes() > 0 {
        let (chunk, rest) = chunks.split_at(opener.next_bytes().min(chunks.len()));
        chunks = rest;
        plain.extend(opener.open_next(&mut chunk.to_vec())?);
    }
    opener.finish()?;
    Ok(plain)
}

/// Judges a seed.
fn genuine<M: Manifest>(seed: &[u8]) -> Option<Genuine<M>> {
    let (header, _) = Header::split(seed).ok()?;
    let payload = dangerous_unverified_payload(M::LABEL, &header.manifest, DOCUMENT_CBOR).ok()?;
    let digest = labelled(M::LABEL, &payload);
    Some(Genuine { accepted: judge(header.clone(), &digest)?, header, digest })
}

fn owner() -> Option<(VerifyingKey, Name)> {
    static OWNER_KEY: OnceLock<Option<VerifyingKey>> = OnceLock::new();
    let key = OWNER_KEY.get_or_init(|| VerifyingKey::new(OWNER).ok()).clone();
    Some((key?, DEPLOYMENT.parse().ok()?))
}
