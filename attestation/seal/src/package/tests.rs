use proptest::prelude::*;
use ring::rand::SystemRandom;
use strongroom_proto::name::Name;

use super::*;
use crate::key::{Algorithm, SigningKey};
use crate::limits::MIN_CHUNK_BYTES;
use crate::secret::DataKey;
use crate::signed::SignedError;

struct Sealed {
    owner: SigningKey,
    digest: [u8; 48],
    package: Vec<u8>,
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn data_key() -> DataKey {
    DataKey::take(&mut [9; 32])
}

fn owner() -> SigningKey {
    SigningKey::generate(Algorithm::Es384, &SystemRandom::new()).unwrap().0
}

fn seal(content: &[u8]) -> Sealed {
    let owner = owner();
    let measured = measure(&mut &*content, MIN_CHUNK_BYTES).unwrap();
    let manifest = PrivateManifest { deployment: name("d"), epoch: 1, content: measured };
    let signed = SignedManifest::sign(manifest, &owner, &SystemRandom::new()).unwrap();
    let wrapped = WrappedKey { key_arn: "arn".into(), blob: vec![1, 2, 3] };
    let mut package = Vec::new();
    signed.seal(&data_key(), wrapped, &mut &*content, &mut package).unwrap();
    Sealed { owner, digest: signed.digest(), package }
}

impl Sealed {
    fn open(&self, package: &[u8]) -> Result<Vec<u8>, PackageError> {
        let (header, mut rest) = Header::split(package)?;
        let keys = [self.owner.public().clone()];
        let accepted = Accepted::<PrivateManifest>::judge(header, &keys, &name("d"), &self.digest)?;
        let mut opener = accepted.opener(&data_key())?;
        let mut content = Vec::new();
        while opener.next_bytes() > 0 {
            let (chunk, after) = rest.split_at(opener.next_bytes().min(rest.len()));
            rest = after;
            content.extend(opener.open_next(&mut chunk.to_vec())?);
        }
        opener.finish()?;
        if rest.is_empty() { Ok(content) } else { Err(PackageError::Trailing) }
    }

    fn chunks_at(&self) -> usize {
        Prefix::parse(*self.package.first_chunk().unwrap()).unwrap().content_offset() as usize
    }
}

const CHUNK: usize = MIN_CHUNK_BYTES as usize;
const SEALED_CHUNK: usize = CHUNK + TAG_BYTES;

fn content() -> Vec<u8> {
    (0..3 * CHUNK + 100).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_package_opens_to_its_content() {
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 100] {
        let content = &content()[..length];
        let sealed = seal(content);
        assert_eq!(sealed.open(&sealed.package).unwrap(), content);
    }
}

#[test]
fn chunks_changed_dropped_doubled_reordered_or_cut_are_refused() {
    let sealed = seal(&content());
    let (head, chunks) = sealed.package.split_at(sealed.chunks_at());
    let chunk: Vec<&[u8]> = chunks.chunks(SEALED_CHUNK).collect();
    let open = |order: &[usize]| {
        let body: Vec<u8> = order.iter().flat_map(|i| chunk[*i].to_vec()).collect();
        sealed.open(&[head, &body].concat())
    };
    assert!(open(&[0, 1, 2, 3]).is_ok());
    assert_eq!(open(&[1, 0, 2, 3]), Err(PackageError::Chunk(0)), "reordered");
    assert_eq!(open(&[0, 0, 1, 2]), Err(PackageError::Chunk(1)), "doubled");
    assert_eq!(open(&[0, 2, 3]), Err(PackageError::Chunk(1)), "dropped");
    assert_eq!(open(&[0, 1, 2]), Err(PackageError::Truncated(3)), "cut");
    assert_eq!(open(&[0, 1, 2, 3, 3]), Err(PackageError::Trailing), "appended");
    for position in (0..chunks.len()).step_by(997) {
        let mut changed = sealed.package.clone();
        changed[head.len() + position] ^= 1;
        let index = u32::try_from(position / SEALED_CHUNK).unwrap();
        assert_eq!(sealed.open(&changed), Err(PackageError::Chunk(index)), "byte {position}");
    }
}

#[test]
fn the_last_chunk_cannot_be_made_of_an_earlier_one() {
    let sealed = seal(&content()[..2 * CHUNK]);
    let cut = sealed.package.len() - SEALED_CHUNK;
    assert_eq!(sealed.open(&sealed.package[..cut]), Err(PackageError::Truncated(1)));
}

#[test]
fn manifests_of_another_signer_deployment_or_package_are_refused() {
    let sealed = seal(b"content");
    let judge = |package: &[u8], key: &SigningKey, deployment: &str, digest: &[u8; 48]| {
        let (header, _) = Header::split(package).unwrap();
        let keys = [key.public().clone()];
        Accepted::<PrivateManifest>::judge(header, &keys, &name(deployment), digest).map(drop)
    };
    assert_eq!(judge(&sealed.package, &sealed.owner, "d", &sealed.digest), Ok(()));
    let other_owner = owner();
    let signer = Err(PackageError::Signature(SignedError::Signer));
    assert_eq!(judge(&sealed.package, &other_owner, "d", &sealed.digest), signer);
    assert_eq!(judge(&sealed.package, &sealed.owner, "e", &sealed.digest), Err(PackageError::Deployment));
    assert_eq!(judge(&sealed.package, &sealed.owner, "d", &[0; 48]), Err(PackageError::Swapped));
}

#[test]
fn a_manifest_of_another_kind_is_refused() {
    let sealed = seal(b"content");
    let (header, _) = Header::split(&sealed.package).unwrap();
    let keys = [sealed.owner.public().clone()];
    let judged = Accepted::<ModelManifest>::judge(header, &keys, &name("d"), &sealed.digest).map(drop);
    assert_eq!(judged, Err(PackageError::Signature(SignedError::Purpose)));
}

#[test]
fn the_encryption_context_names_deployment_part_and_manifest() {
    let sealed = seal(b"content");
    let (header, _) = Header::split(&sealed.package).unwrap();
    let keys = [sealed.owner.public().clone()];
    let accepted = Accepted::<PrivateManifest>::judge(header, &keys, &name("d"), &sealed.digest).unwrap();
    let context = accepted.encryption_context();
    assert_eq!(context.get("strongroom:deployment").unwrap(), "d");
    assert_eq!(context.get("strongroom:private-epoch").unwrap(), "1");
    assert_eq!(context.get("strongroom:manifest").unwrap().len(), 96);
}

#[test]
fn content_that_changed_between_measuring_and_sealing_is_refused() {
    let owner = owner();
    let content = measure(&mut b"before".as_slice(), MIN_CHUNK_BYTES).unwrap();
    let manifest = PrivateManifest { deployment: name("d"), epoch: 1, content };
    let signed = SignedManifest::sign(manifest, &owner, &SystemRandom::new()).unwrap();
    let wrapped = WrappedKey { key_arn: "arn".into(), blob: vec![] };
    let sealed = signed.seal(&data_key(), wrapped, &mut b"after!".as_slice(), &mut Vec::new());
    assert_eq!(sealed, Err(PackageError::Content));
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Header::split(&bytes);
        let _ = Header::split(&[MAGIC.as_slice(), &[0, 0, 1, 0], &bytes].concat());
    }
}
