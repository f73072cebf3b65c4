//! What the owner signs.
//!
//! Some of these the owner has signed, by mistake or for another purpose, and the host delivers: then everything but the
//! one check in question is in order.

mod later;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{Bundle, Controls, Release, decode_controls, encode_controls};
use strongroom_hostile::{Attack, Found, Scene, SceneOptions};
use strongroom_proto::cbor;
use strongroom_seal::digest::ControlsDigest;
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::{label, signed};
use strongroom_sim::world::{Binaries, Ground, ModelSource, Owner, ReleasePlan, WorldError, bundled_model};

use super::attacks;

attacks! { Releases;
    /// signs a release with a key of its own
    a_release_of_the_hosts_own("models, controls and API keys of the host's own", "release: signed by a key that is not accepted", "release-signer");
    /// flips a bit of the release's signature
    a_signature_that_does_not_verify("models, controls and API keys of the host's own", "release: signature does not verify", "document-signed");
    /// delivers a charter in place of the release, signed by the same owner
    another_document_of_the_owner("one document taken for another", "release: signed for another purpose", "signed-purpose");
    /// delivers a release that the owner signed for another deployment
    a_release_for_another_deployment("the controls of another deployment", "release is for another deployment", "release-deployment");
    /// delivers a release that has expired
    an_expired_release("a release that its owner let go", "release has expired", "release-expiry");
    /// delivers a release before its time
    a_release_before_its_time("a release that its owner does not want yet", "release is not in force yet", "release-start");
    /// delivers a release below the charter's least epoch
    a_release_below_the_charters_floor("a release that its owner gave up for good", "release has epoch 1, the least accepted is 2", "charter-floor");
    /// delivers a release that does not list this image
    a_release_for_another_image("keys for an image that its owner withdrew", "release 1 does not list this image", "release-image");
    /// delivers a release that lists an image in debug mode
    a_release_for_a_debug_image("keys for an enclave whose console is open", "release names a debug image", "release-sense");
    /// delivers a release that names one model twice
    one_model_twice("two models of one name", "release names one model twice", "release-sense");
    /// delivers public controls of its own beside a genuine release
    controls_of_the_hosts_own("limits, roles and treatments", "controls are not the ones that the release names", "release-controls");
    /// puts a byte behind the bundle
    a_byte_behind_the_bundle("bytes that are read by nobody", "not a release bundle", "nothing-behind-cbor");
    /// delivers the private part of another release of the same epoch
    the_private_part_of_another_release("API keys that the owner took back", "private part: manifest is not the one that the release names", "package-named");
    /// delivers the private part of another epoch
    the_private_part_of_another_epoch("API keys that the owner took back", "private part: manifest is not the one that the release names", "package-named");
    /// flips a bit of the private part's signature
    a_private_part_that_nobody_signed("API keys of the host's own", "private part: manifest: signature does not verify", "document-signed");
    /// puts a byte behind the private part
    a_byte_behind_the_private_part("bytes that nobody sealed", "private part: bytes follow the last chunk", "private-part-ends");
    /// delivers a release that names another model's manifest for a model
    the_manifest_of_another_model("answers of a model that nobody asked", "fraud@1: the manifest names another model than the release", "model-name");
    /// delivers a release whose controls name a model that it does not load
    controls_of_a_model_that_is_not_there("a control that is applied to nothing", "controls: a model is named that the release does not load", "controls-fit");
    /// delivers a release whose controls give a role less than one of its keys has
    a_key_above_its_role("more than clients are told a role may do", "private part states a key that is allowed more than its role", "private-fits");
    /// delivers a release whose controls do not know the role of a key
    a_key_without_a_role("a key that no control applies to", "private part states a key of a role or organisation that is not there", "private-fits");
}

pub(super) fn attacks() -> Vec<Attack> {
    [ATTACKS, later::ATTACKS].concat()
}

/// The key with which the owner signs, as `strongroom keygen` wrote it.
fn owners_key(ground: &Ground) -> SigningKey {
    let pem = std::fs::read_to_string(ground.layout.owner("owner.pem")).unwrap();
    let coded: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pkcs8 = STANDARD.decode(coded).unwrap();
    SigningKey::from_pkcs8(Algorithm::Es384, &pkcs8, &ring::rand::SystemRandom::new()).unwrap()
}

/// The bundle that lies in the store.
fn stored(ground: &Ground) -> Bundle {
    Bundle::decode(&std::fs::read(ground.layout.store().join("release.bundle")).unwrap()).unwrap()
}

fn store(ground: &Ground, bundle: &[u8]) {
    std::fs::write(ground.layout.store().join("release.bundle"), bundle).unwrap();
}

fn stated(bundle: &Bundle) -> Release {
    let payload = signed::dangerous_unverified_payload(label::RELEASE, &bundle.release, DOCUMENT_CBOR);
    cbor::decode(&payload.unwrap(), DOCUMENT_CBOR).unwrap()
}

/// Signs a release, whether it makes sense or not.
fn sign(release: &Release, key: &SigningKey) -> Vec<u8> {
    let payload = cbor::encode_canonical(release).unwrap();
    signed::sign(label::RELEASE, payload, key, &ring::rand::SystemRandom::new()).unwrap()
}

/// The same bundle with another release, which the owner has signed.
fn resigned(ground: &Ground, change: impl FnOnce(&mut Release)) -> Bundle {
    let mut bundle = stored(ground);
    let mut release = stated(&bundle);
    change(&mut release);
    bundle.release = sign(&release, &owners_key(ground));
    bundle
}

/// The same bundle with other controls, which the owner has signed.
fn recontrolled(ground: &Ground, change: impl FnOnce(&mut Controls)) -> Bundle {
    let mut controls = decode_controls(&stored(ground).controls).unwrap();
    change(&mut controls);
    let controls = encode_controls(&controls).unwrap();
    let bundle = resigned(ground, |release| release.controls = ControlsDigest::of(&controls));
    Bundle { controls, ..bundle }
}

/// What the enclave says of what lies in the store when it starts.
async fn refused(
    options: SceneOptions,
    change: impl AsyncFnOnce(&Ground, &Owner) -> Result<(), WorldError>,
) -> Found {
    let scene = Scene::set_with(options, change).await.unwrap();
    scene.found(scene.refusal().await.unwrap())
}

/// The same, of a bundle that was changed.
async fn bundled(change: impl FnOnce(&mut Bundle)) -> Found {
    refused(SceneOptions::default(), async |ground, _| {
        let mut bundle = stored(ground);
        change(&mut bundle);
        store(ground, &bundle.encode().unwrap());
        Ok(())
    })
    .await
}

/// The same, of a release that the owner has signed.
async fn released(change: impl FnOnce(&mut Release)) -> Found {
    refused(SceneOptions::default(), async |ground, _| {
        store(ground, &resigned(ground, change).encode().unwrap());
        Ok(())
    })
    .await
}

async fn a_release_of_the_hosts_own() -> Found {
    let (own, _) = SigningKey::generate(Algorithm::Es384, &ring::rand::SystemRandom::new()).unwrap();
    bundled(|bundle| bundle.release = sign(&stated(bundle), &own)).await
}

async fn a_signature_that_does_not_verify() -> Found {
    bundled(|bundle| *bundle.release.last_mut().unwrap() ^= 1).await
}

async fn another_document_of_the_owner() -> Found {
    refused(SceneOptions::default(), async |ground, _| {
        let (mut bundle, random) = (stored(ground), ring::rand::SystemRandom::new());
        let payload = cbor::encode_canonical(&stated(&bundle)).unwrap();
        bundle.release = signed::sign(label::CHARTER, payload, &owners_key(ground), &random).unwrap();
        store(ground, &bundle.encode().unwrap());
        Ok(())
    })
    .await
}

async fn a_release_for_another_deployment() -> Found {
    released(|release| release.deployment = "other".parse().unwrap()).await
}

async fn an_expired_release() -> Found {
    released(|release| {
        release.not_before = UnixMillis::new(1);
        release.not_after = UnixMillis::new(2);
    })
    .await
}

async fn a_release_before_its_time() -> Found {
    let hour = std::time::Duration::from_secs(3600);
    released(|release| release.not_before = strongroom_e2e::now().plus(hour)).await
}

async fn a_release_below_the_charters_floor() -> Found {
    refused(SceneOptions::default(), async |ground, owner| {
        let path = ground.layout.store().join("charter.cose");
        let arguments = [
            "charter".to_owned(),
            "--deployment=simulation".to_owned(),
            format!("--key={}", ground.layout.owner("owner.pem").display()),
            format!("--kms-key={}", owner.key().as_str()),
            "--least-epoch=2".to_owned(),
            format!("--out={}", path.display()),
        ];
        std::fs::remove_file(&path).unwrap();
        let binaries = Binaries::beside_this_one()?;
        let made = binaries.strongroom(arguments, &[]).await?;
        assert_eq!(made.code, 0, "{}", made.stderr);
        // KMS and clients are told of the new charter; all that is wrong is the release.
        let image = std::fs::read(binaries.path("strongroom-sim-enclave")).unwrap();
        owner.allow(ground, &[strongroom_sim::nsm::measure(&image)]).await
    })
    .await
}

async fn a_release_for_another_image() -> Found {
    released(|release| release.images[0].pcr2 = release.images[0].pcr2.extend(b"another")).await
}

async fn a_release_for_a_debug_image() -> Found {
    released(|release| {
        let zero = strongroom_attestation::Pcr::ZERO;
        let debug = strongroom_attestation::ImagePcrs { pcr0: zero, pcr1: zero, pcr2: zero };
        release.images.push(debug);
    })
    .await
}

async fn one_model_twice() -> Found {
    released(|release| release.models.push(release.models[0].clone())).await
}

async fn controls_of_the_hosts_own() -> Found {
    bundled(|bundle| {
        let mut controls = decode_controls(&bundle.controls).unwrap();
        controls.max_request_bytes /= 2;
        bundle.controls = encode_controls(&controls).unwrap();
    })
    .await
}

async fn a_byte_behind_the_bundle() -> Found {
    refused(SceneOptions::default(), async |ground, _| {
        store(ground, &[stored(ground).encode().unwrap(), vec![0]].concat());
        Ok(())
    })
    .await
}

/// The release that was made first, with the private part of one that was made later.
async fn with_a_later_private_part(epoch: u64) -> Found {
    refused(SceneOptions::default(), async |ground, owner| {
        let first = stored(ground);
        let models = vec![bundled_model()?];
        owner.release(&ReleasePlan { epoch, ..ReleasePlan::first(models) }).await?;
        let mixed = Bundle { private: stored(ground).private, ..first };
        store(ground, &mixed.encode().unwrap());
        Ok(())
    })
    .await
}

async fn the_private_part_of_another_release() -> Found {
    with_a_later_private_part(1).await
}

async fn the_private_part_of_another_epoch() -> Found {
    with_a_later_private_part(2).await
}

async fn a_private_part_that_nobody_signed() -> Found {
    bundled(|bundle| {
        let (mut header, _) = strongroom_seal::package::Header::split(&bundle.private).unwrap();
        let at = bundle.private.windows(header.manifest.len()).position(|window| window == header.manifest);
        let last = at.unwrap() + header.manifest.len() - 1;
        header.manifest.clear();
        bundle.private[last] ^= 1;
    })
    .await
}

async fn a_byte_behind_the_private_part() -> Found {
    bundled(|bundle| bundle.private.push(0)).await
}

async fn the_manifest_of_another_model() -> Found {
    let forest = ModelSource {
        id: "forest@1".parse().unwrap(),
        onnx: concat!(env!("CARGO_MANIFEST_DIR"), "/../models/forest/model.onnx").into(),
        arguments: vec![],
    };
    let options = SceneOptions { models: Some(vec![forest]), ..SceneOptions::default() };
    refused(options, async |ground, owner| {
        let (own, other) = ("forest@1".parse().unwrap(), "fraud@1".parse().unwrap());
        std::fs::copy(owner.package(&own), owner.package(&other)).unwrap();
        let bundle = resigned(ground, |release| release.models[0].id = other);
        store(ground, &bundle.encode().unwrap());
        Ok(())
    })
    .await
}

/// A release under this policy, whose controls the owner has changed.
async fn under_controls(policy: &str, change: impl FnOnce(&mut Controls)) -> Found {
    let options = SceneOptions { policy: Some(policy.to_owned()), ..SceneOptions::default() };
    refused(options, async |ground, _| {
        store(ground, &recontrolled(ground, change).encode().unwrap());
        Ok(())
    })
    .await
}

/// A role with a quota, which one key has in full.
const QUOTA: &str = "[role.all]\nrows_per_day = 100\n[[key]]\n\
    sha256 = \"0101010101010101010101010101010101010101010101010101010101010101\"\nrole = \"all\"\nrows_per_day = 100\n";

async fn controls_of_a_model_that_is_not_there() -> Found {
    under_controls(QUOTA, |controls| {
        controls.models.insert("ghost".parse().unwrap(), Default::default());
    })
    .await
}

async fn a_key_above_its_role() -> Found {
    under_controls(QUOTA, |controls| {
        let role = controls.roles.get_mut(&"all".parse().unwrap()).unwrap();
        role.limits.rows_per_day = Some(10);
    })
    .await
}

async fn a_key_without_a_role() -> Found {
    under_controls(QUOTA, |controls| drop(controls.roles.remove(&"all".parse().unwrap()))).await
}
