//! Sealed models.
//!
//! The first ones change what lies on the disk before the enclave starts, the others what it is told when it reads.

mod ranges;

use std::path::PathBuf;

use strongroom_hostile::{Attack, Found, Misdeeds, Scene, SceneOptions};
use strongroom_proto::cbor;
use strongroom_proto::name::PackageId;
use strongroom_seal::package::{Header, MAGIC, PREFIX_BYTES};
use strongroom_sim::kms::{Call, ciphertext};
use strongroom_sim::world::{Binaries, Ground, ModelSource, Owner, ReleasePlan, WorldError, bundled_model};

use super::attacks;

attacks! { Packages;
    /// changes the first byte of a package
    another_magic("a file of another kind read as a package", "fraud@1: not a sealed package, or its header is damaged", "package-magic");
    /// changes the version of the format
    another_version("a package read by the rules of another format", "fraud@1: not a sealed package, or its header is damaged", "package-magic");
    /// says that the header has no bytes
    a_header_of_nothing("a header that starts inside the chunks", "fraud@1: not a sealed package, or its header is damaged", "header-length");
    /// says that the header has one byte
    a_header_of_one_byte("a header that starts inside the chunks", "fraud@1: not a sealed package, or its header is damaged", "header-length");
    /// says that the header has 4 GiB
    a_header_of_four_gibibytes("memory, for a length that a host claims", "fraud@1: not a sealed package, or its header is damaged", "header-length");
    /// flips a bit of the owner's statement in the manifest
    a_changed_manifest("an interface, or a size of answers, that is not the owner's", "fraud@1: manifest: signature does not verify", "manifest-signed");
    /// flips a bit of the manifest's signature
    a_manifest_that_nobody_signed("a model of the host's own", "fraud@1: manifest: signature does not verify", "document-signed");
    /// signs the manifest anew with a key of its own
    a_manifest_of_the_hosts_own("a model of the host's own", "fraud@1: manifest: signed by a key that is not accepted", "release-signer");
    /// flips a bit of the wrapped key
    another_wrapped_key("a model under a key that is not its own", "fraud@1: kms refused: invalid ciphertext or encryption context", "kms-ciphertext");
    /// names a KMS key of its own, under which it has wrapped a data key that it knows
    another_kms_key("a data key that the host knows", "fraud@1: the package names a KMS key that the charter does not", "kms-key-in-charter");
    /// flips a bit of the first chunk
    a_changed_first_chunk("weights that the host altered", "fraud@1: chunk 0 is damaged, missing or out of order", "chunk-tag");
    /// flips a bit of a chunk in the middle
    a_changed_middle_chunk("weights that the host altered", "fraud@1: chunk 3 is damaged, missing or out of order", "chunk-tag");
    /// flips a bit of the last chunk
    a_changed_last_chunk("weights that the host altered", "fraud@1: chunk 7 is damaged, missing or out of order", "chunk-tag");
    /// flips a bit of a tag
    a_changed_tag("weights that the host altered", "fraud@1: chunk 0 is damaged, missing or out of order", "chunk-tag");
    /// swaps two chunks
    swapped_chunks("weights in another order", "fraud@1: chunk 1 is damaged, missing or out of order", "chunk-order");
    /// leaves a chunk out
    a_dropped_chunk("a model without some of its weights", "fraud@1: chunk 1 is damaged, missing or out of order", "chunk-order");
    /// puts a chunk in the place of the next one as well
    a_doubled_chunk("weights in another place", "fraud@1: chunk 2 is damaged, missing or out of order", "chunk-order");
    /// cuts off the last chunk
    a_cut_package("a model without some of its weights", "fraud@1: package ends after chunk 7", "chunk-length");
    /// cuts off the last byte
    a_byte_too_few("a model without some of its weights", "fraud@1: package ends after chunk 7", "chunk-length");
    /// puts a byte behind the last chunk
    a_byte_too_many("bytes that nobody sealed", "fraud@1: bytes follow the last chunk", "nothing-behind-the-last-chunk");
    /// delivers an empty file
    an_empty_file("a release that is served in part", "fraud@1: not a sealed package, or its header is damaged", "release-whole");
    /// does not deliver the file
    no_file("a release that is served in part", "fraud@1: the host does not have what was asked for", "release-whole");
    /// delivers another model of the same owner
    another_model("answers of a model that nobody asked", "fraud@1: manifest is not the one that the release names", "package-named");
    /// exchanges the files of two models of one release
    two_models_exchanged("answers of a model that nobody asked", "forest@1: manifest is not the one that the release names", "package-named");
    /// delivers an older package of the same model
    an_older_package("a model that its owner has replaced", "fraud@1: manifest is not the one that the release names", "package-named");
    /// delivers the model as its owner sealed it for another deployment
    a_package_of_another_deployment("a model under the controls of another deployment", "fraud@1: manifest is not the one that the release names", "package-named");
    /// delivers the header of one sealing and the chunks of another
    the_chunks_of_another_sealing("weights that do not belong to the manifest", "fraud@1: chunk 0 is damaged, missing or out of order", "chunk-tag");
}

pub(super) fn attacks() -> Vec<Attack> {
    [ATTACKS, ranges::ATTACKS].concat()
}

const CHUNK: usize = 4096 + 16;

/// The bundled model in eight chunks.
fn in_chunks() -> ModelSource {
    ModelSource { arguments: vec!["--chunk-bytes=4096".to_owned()], ..bundled_model().unwrap() }
}

/// Another model of the same owner.
fn forest(id: &str) -> ModelSource {
    let onnx = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/forest/model.onnx"));
    ModelSource { id: id.parse().unwrap(), onnx, arguments: vec![] }
}

fn id(id: &str) -> PackageId {
    id.parse().unwrap()
}

/// What the enclave says where its owner's files were changed before it started, and its host does this.
async fn refused(
    models: Vec<ModelSource>,
    misdeeds: Misdeeds,
    change: impl AsyncFnOnce(&Ground, &Owner) -> Result<(), WorldError>,
) -> Found {
    let options = SceneOptions { misdeeds, models: Some(models), ..SceneOptions::default() };
    let scene = Scene::set_with(options, change).await.unwrap();
    let refusal = scene.refusal().await.unwrap();
    // What the engine refuses has been let through to it, as its owner's.
    let let_through = refusal.ends_with(": the engine does not take the model");
    scene.found(if let_through { Found::SUCCEEDED.to_owned() } else { refusal })
}

/// The same, where one package was changed on the disk.
async fn on_disk(change: impl FnOnce(&mut Vec<u8>)) -> Found {
    refused(vec![in_chunks()], Misdeeds::default(), async |_, owner| {
        let path = owner.package(&id("fraud@1"));
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        Ok(())
    })
    .await
}

/// The same, where the header was changed.
async fn in_the_header(change: impl FnOnce(&mut Header)) -> Found {
    on_disk(|bytes| {
        let (mut header, chunks) = Header::split(bytes).unwrap();
        let chunks = chunks.to_vec();
        change(&mut header);
        *bytes = whole(&header, &chunks);
    })
    .await
}

fn whole(header: &Header, chunks: &[u8]) -> Vec<u8> {
    let header = cbor::encode_canonical(header).unwrap();
    let length = u32::try_from(header.len()).unwrap();
    [MAGIC.as_slice(), &length.to_be_bytes(), &header, chunks].concat()
}

/// The same, where the chunks were.
async fn in_the_chunks(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Found {
    on_disk(|bytes| {
        let (header, chunks) = Header::split(bytes).unwrap();
        let mut chunks: Vec<_> = chunks.chunks(CHUNK).map(<[u8]>::to_vec).collect();
        assert_eq!(chunks.len(), 8);
        change(&mut chunks);
        *bytes = whole(&header, &chunks.concat());
    })
    .await
}

async fn another_magic() -> Found {
    on_disk(|bytes| bytes[0] ^= 1).await
}

async fn another_version() -> Found {
    on_disk(|bytes| bytes[7] += 1).await
}

async fn header_bytes(bytes: u32) -> Found {
    on_disk(|package| package[8..PREFIX_BYTES].copy_from_slice(&bytes.to_be_bytes())).await
}

async fn a_header_of_nothing() -> Found {
    header_bytes(0).await
}

async fn a_header_of_one_byte() -> Found {
    header_bytes(1).await
}

async fn a_header_of_four_gibibytes() -> Found {
    header_bytes(u32::MAX).await
}

async fn a_changed_manifest() -> Found {
    in_the_header(|header| {
        // The bound on bytes of names is a number of two bytes behind its name.
        let stated = b"names_bytes";
        let at = header.manifest.windows(stated.len()).position(|window| window == stated).unwrap();
        header.manifest[at + stated.len() + 1] ^= 1;
    })
    .await
}

async fn a_manifest_that_nobody_signed() -> Found {
    in_the_header(|header| *header.manifest.last_mut().unwrap() ^= 1).await
}

async fn a_manifest_of_the_hosts_own() -> Found {
    use strongroom_seal::key::{Algorithm, SigningKey};
    use strongroom_seal::{label, limits, signed};
    let random = ring::rand::SystemRandom::new();
    let (own, _) = SigningKey::generate(Algorithm::Es384, &random).unwrap();
    in_the_header(|header| {
        let (label, bounds) = (label::MODEL_MANIFEST, limits::DOCUMENT_CBOR);
        let payload = signed::dangerous_unverified_payload(label, &header.manifest, bounds).unwrap();
        header.manifest = signed::sign(label, payload, &own, &random).unwrap();
    })
    .await
}

async fn another_wrapped_key() -> Found {
    in_the_header(|header| *header.wrapped_key.last_mut().unwrap() ^= 1).await
}

async fn another_kms_key() -> Found {
    let options = SceneOptions { models: Some(vec![in_chunks()]), ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |ground, owner| {
        own_kms_key(ground, owner);
        let calls = ground.kms.calls();
        let call = calls.iter().find(|call| call.context.contains_key("strongroom:model")).unwrap();
        let wrapped = ciphertext::seal(OWN_KEY, &OWN_MATERIAL, &call.context, vec![7; 32]).unwrap();
        let path = owner.package(&id("fraud@1"));
        let bytes = std::fs::read(&path).unwrap();
        let (header, chunks) = Header::split(&bytes).unwrap();
        let key_arn = own_arn(owner);
        std::fs::write(&path, whole(&Header { key_arn, wrapped_key: wrapped, ..header }, chunks)).unwrap();
        Ok(())
    });
    let scene = scene.await.unwrap();
    let said = scene.refusal().await.unwrap();
    let own = Some(own_arn(&scene.owner));
    let got_it = |call: &Call| call.operation == "Decrypt" && call.key == own && call.outcome.is_ok();
    // The chunks are not sealed under it. A key that the host knows is in the enclave all the same.
    let got_it = scene.ground.kms.calls().iter().any(got_it);
    scene.found(if got_it { Found::SUCCEEDED.to_owned() } else { said })
}

/// Id and inside of a KMS key that the host has made, and that anybody may use.
const OWN_KEY: &str = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f";
const OWN_MATERIAL: [u8; 32] = [9; 32];

fn own_arn(owner: &Owner) -> String {
    let (account, _) = owner.key().as_str().rsplit_once('/').unwrap();
    format!("{account}/{OWN_KEY}")
}

fn own_kms_key(ground: &Ground, owner: &Owner) {
    let anybody = serde_json::json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Anybody", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["kms:*"], "Resource": "*",
    }]});
    let made = ground.kms.alter(owner.key().as_str(), |key| {
        (key.id, key.arn) = (OWN_KEY.to_owned(), own_arn(owner));
        (key.material, key.policy) = (OWN_MATERIAL, anybody.to_string());
    });
    made.unwrap();
}

async fn a_changed_first_chunk() -> Found {
    in_the_chunks(|chunks| chunks[0][2000] ^= 1).await
}

async fn a_changed_middle_chunk() -> Found {
    in_the_chunks(|chunks| chunks[3][2000] ^= 1).await
}

async fn a_changed_last_chunk() -> Found {
    in_the_chunks(|chunks| chunks[7][0] ^= 1).await
}

async fn a_changed_tag() -> Found {
    in_the_chunks(|chunks| chunks[0][CHUNK - 1] ^= 1).await
}

async fn swapped_chunks() -> Found {
    in_the_chunks(|chunks| chunks.swap(1, 2)).await
}

async fn a_dropped_chunk() -> Found {
    in_the_chunks(|chunks| drop(chunks.remove(1))).await
}

async fn a_doubled_chunk() -> Found {
    in_the_chunks(|chunks| chunks[2] = chunks[1].clone()).await
}

async fn a_cut_package() -> Found {
    in_the_chunks(|chunks| drop(chunks.pop())).await
}

async fn a_byte_too_few() -> Found {
    on_disk(|bytes| bytes.truncate(bytes.len() - 1)).await
}

async fn a_byte_too_many() -> Found {
    on_disk(|bytes| bytes.push(0)).await
}

async fn an_empty_file() -> Found {
    on_disk(Vec::clear).await
}

async fn no_file() -> Found {
    refused(vec![in_chunks()], Misdeeds::default(), async |_, owner| {
        std::fs::remove_file(owner.package(&id("fraud@1"))).unwrap();
        Ok(())
    })
    .await
}

async fn another_model() -> Found {
    refused(vec![in_chunks()], Misdeeds::default(), async |_, owner| {
        let package = owner.package(&id("fraud@1"));
        let (bundle, genuine) = (release_file(&package), std::fs::read(&package).unwrap());
        let release = std::fs::read(&bundle).unwrap();
        owner.release(&ReleasePlan::first(vec![forest("forest@1")])).await?;
        assert_ne!(std::fs::read(owner.package(&id("forest@1"))).unwrap(), genuine);
        std::fs::copy(owner.package(&id("forest@1")), &package).unwrap();
        std::fs::write(bundle, release).unwrap();
        Ok(())
    })
    .await
}

/// The release that lies beside a package's folder.
fn release_file(package: &std::path::Path) -> PathBuf {
    package.parent().unwrap().with_file_name("release.bundle")
}

async fn two_models_exchanged() -> Found {
    refused(vec![forest("forest@1"), in_chunks()], Misdeeds::default(), async |_, owner| {
        let (one, other) = (owner.package(&id("forest@1")), owner.package(&id("fraud@1")));
        let bytes = std::fs::read(&one).unwrap();
        std::fs::copy(&other, &one).unwrap();
        std::fs::write(other, bytes).unwrap();
        Ok(())
    })
    .await
}

async fn an_older_package() -> Found {
    refused(vec![forest("fraud@1")], Misdeeds::default(), async |_, owner| {
        let package = owner.package(&id("fraud@1"));
        let older = std::fs::read(&package).unwrap();
        owner.release(&ReleasePlan::first(vec![in_chunks()])).await?;
        std::fs::write(package, older).unwrap();
        Ok(())
    })
    .await
}

/// Runs a command of the owner's, who has a charter for another deployment as well.
async fn owners_command(ground: &Ground, arguments: Vec<String>) {
    let env = [
        ("AWS_ACCESS_KEY_ID", ground.owner.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", ground.owner.secret_access_key.as_str()),
    ];
    let output = Binaries::beside_this_one().unwrap().strongroom(arguments, &env).await.unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
}

async fn a_package_of_another_deployment() -> Found {
    refused(vec![in_chunks()], Misdeeds::default(), async |ground, owner| {
        let charter = ground.layout.owner("other-charter.cose");
        let common = [
            format!("--key={}", ground.layout.owner("owner.pem").display()),
            format!("--kms-key={}", owner.key().as_str()),
        ];
        let own = ["charter", "--deployment=other", &format!("--out={}", charter.display())];
        owners_command(ground, own.iter().map(ToString::to_string).chain(common.clone()).collect()).await;
        let own = [
            "seal".to_owned(),
            format!("--model={}", in_chunks().onnx.display()),
            "--name=fraud".to_owned(),
            "--version=1".to_owned(),
            format!("--charter={}", charter.display()),
            format!("--out={}", owner.package(&id("fraud@1")).display()),
            format!("--kms-connect={}", ground.kms_address),
            format!("--kms-roots={}", ground.layout.kms_roots().display()),
        ];
        std::fs::remove_file(owner.package(&id("fraud@1"))).unwrap();
        owners_command(ground, own.into_iter().chain(common).collect()).await;
        Ok(())
    })
    .await
}

async fn the_chunks_of_another_sealing() -> Found {
    refused(vec![in_chunks()], Misdeeds::default(), async |_, owner| {
        let package = owner.package(&id("fraud@1"));
        let first = std::fs::read(&package).unwrap();
        owner.release(&ReleasePlan::first(vec![in_chunks()])).await?;
        let second = std::fs::read(&package).unwrap();
        let (header, _) = Header::split(&first).unwrap();
        let (_, chunks) = Header::split(&second).unwrap();
        std::fs::write(&package, whole(&header, chunks)).unwrap();
        Ok(())
    })
    .await
}
