//! Which image, under which charter, gets keys for which package.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::rand::SystemRandom;
use strongroom_attestation::ImagePcrs;
use strongroom_attestation::charter::{Charter, SignedCharter};
use strongroom_attestation::release::Bundle;
use strongroom_hostile::{Found, Scene, SceneOptions};
use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy};
use strongroom_proto::cbor;
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::package::{Header, MAGIC};
use strongroom_seal::{label, signed};
use strongroom_sim::nsm::measure;
use strongroom_sim::world::{
    ACCOUNT, Binaries, EnclaveOptions, Ground, ModelSource, Owner, ReleasePlan, bundled_model, wait_for,
};

use super::refused;

/// The key policy pins these registers in place of the true ones.
async fn pinned(image: Option<[u8; 48]>, charter: Option<[u8; 48]>) -> Found {
    refused(SceneOptions::default(), async |ground: &Ground, owner: &Owner| {
        let signed = fs::read(ground.layout.store().join("charter.cose")).unwrap();
        let true_charter = *SignedCharter::open(&signed).unwrap().pcr16().as_bytes();
        let text = fs::read(ground.layout.owner("image-0.json")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let true_image = hex::decode(json["Measurements"]["PCR0"].as_str().unwrap()).unwrap();
        let pin = Pin {
            image: PinnedPcr::new(image.unwrap_or(true_image.try_into().unwrap())).unwrap(),
            charter: PinnedPcr::new(charter.unwrap_or(true_charter)).unwrap(),
        };
        let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}").parse().unwrap();
        let owners = || arn("user/owner");
        let principals =
            Principals { admin: owners(), sealer: owners(), enclave: arn("role/strongroom-host") };
        owner.admin().put_key_policy(owner.key(), &key_policy(&principals, &[pin]).unwrap()).await.unwrap();
        Ok(())
    })
    .await
}

pub(super) async fn a_policy_for_another_image() -> Found {
    pinned(Some([1; 48]), None).await
}

pub(super) async fn a_policy_for_another_charter() -> Found {
    pinned(None, Some([1; 48])).await
}

/// A charter that the host signed, and that accepts what the owner signed as well.
async fn own_charter(kms_key: Option<String>) -> Found {
    refused(SceneOptions::default(), async |ground: &Ground, owner: &Owner| {
        let random = SystemRandom::new();
        let (key, _) = SigningKey::generate(Algorithm::Es384, &random).unwrap();
        let path = ground.layout.store().join("charter.cose");
        let genuine = SignedCharter::open(&fs::read(&path).unwrap()).unwrap();
        let mut keys = genuine.charter().keys.clone();
        keys.push(key.public().clone());
        let kms_keys = vec![kms_key.unwrap_or_else(|| owner.key().as_str().to_owned())];
        let own = Charter { keys, kms_keys, ..genuine.charter().clone() };
        fs::write(&path, own.sign(&key, &random).unwrap()).unwrap();
        Ok(())
    })
    .await
}

pub(super) async fn a_charter_of_the_hosts_own() -> Found {
    own_charter(None).await
}

pub(super) async fn a_charter_with_the_hosts_kms_key() -> Found {
    let own = "arn:aws:kms:eu-central-1:999988887777:key/00000000-0000-0000-0000-000000000000";
    own_charter(Some(own.to_owned())).await
}

/// A charter with which the enclave ends, or says why it does not serve.
async fn changed_charter(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Found {
    let scene = Scene::set_with(SceneOptions::default(), async |ground: &Ground, _: &Owner| {
        let path = ground.layout.store().join("charter.cose");
        let charter = fs::read(&path).unwrap();
        fs::write(&path, change(charter)).unwrap();
        Ok(())
    });
    let mut scene = scene.await.unwrap();
    for _ in 0..600 {
        if let Some(code) = scene.enclave.ended() {
            return scene.found(format!("the enclave ended: exit {code}"));
        }
        match scene.status().await {
            Some(status) if status.serving => return scene.found(Found::SUCCEEDED),
            Some(status) if !status.refusal.is_empty() => return scene.found(status.refusal),
            _ => {
                wait_for(Duration::from_millis(100), async || false).await;
            }
        }
    }
    scene.found("the enclave said nothing")
}

pub(super) async fn a_charter_with_a_flipped_bit() -> Found {
    changed_charter(|mut charter| {
        if let Some(last) = charter.last_mut() {
            *last ^= 1;
        }
        charter
    })
    .await
}

pub(super) async fn a_charter_signed_by_another_key() -> Found {
    changed_charter(|charter| {
        let random = SystemRandom::new();
        let (other, _) = SigningKey::generate(Algorithm::Es384, &random).unwrap();
        let genuine = SignedCharter::open(&charter).unwrap();
        let payload = cbor::encode_canonical(genuine.charter()).unwrap();
        signed::sign(label::CHARTER, payload, &other, &random).unwrap()
    })
    .await
}

async fn enclave(enclave: EnclaveOptions) -> Found {
    refused(SceneOptions { enclave, ..SceneOptions::default() }, super::unchanged).await
}

pub(super) async fn a_debug_image() -> Found {
    enclave(EnclaveOptions { debug: true, ..EnclaveOptions::default() }).await
}

/// The enclave's binary, and one with a byte more, which leaves the program as it is and changes what is measured.
fn changed_binary(folder: &Path) -> (PathBuf, [ImagePcrs; 2]) {
    let changed = folder.join("enclave");
    let binaries = Binaries::beside_this_one().unwrap();
    let mut bytes = fs::read(binaries.path("strongroom-sim-enclave")).unwrap();
    let genuine = measure(&bytes);
    bytes.push(0);
    fs::write(&changed, &bytes).unwrap();
    fs::set_permissions(&changed, fs::Permissions::from_mode(0o700)).unwrap();
    (changed, [genuine, measure(&bytes)])
}

pub(super) async fn a_changed_binary() -> Found {
    let folder = tempfile::tempdir().unwrap();
    let (changed, _) = changed_binary(folder.path());
    enclave(EnclaveOptions { executable: Some(changed), ..EnclaveOptions::default() }).await
}

/// What the changed image judges of itself does not count: its release lists it, so that the policy of the key alone refuses.
pub(super) async fn a_changed_image_that_a_release_lists() -> Found {
    let folder = tempfile::tempdir().unwrap();
    let (changed, [genuine, other]) = changed_binary(folder.path());
    let enclave = EnclaveOptions { executable: Some(changed), ..EnclaveOptions::default() };
    let options = SceneOptions { enclave, ..SceneOptions::default() };
    refused(options, async move |ground: &Ground, owner: &Owner| {
        owner.allow(ground, &[genuine, other]).await?;
        owner.release(&ReleasePlan::first(vec![bundled_model()?])).await?;
        owner.allow(ground, &[genuine]).await
    })
    .await
}

pub(super) async fn a_pki_of_the_hosts_own() -> Found {
    let folder = tempfile::tempdir().unwrap();
    let pki = strongroom_sim::pki::NitroPki::generate(strongroom_e2e::now()).unwrap();
    pki.save(folder.path()).unwrap();
    enclave(EnclaveOptions { pki: Some(folder.path().to_owned()), ..EnclaveOptions::default() }).await
}

/// The package with another wrapped key.
fn with_key(package: &[u8], wrapped_key: Vec<u8>) -> Vec<u8> {
    let (header, chunks) = Header::split(package).unwrap();
    let header = cbor::encode_canonical(&Header { wrapped_key, ..header }).unwrap();
    [MAGIC.as_slice(), &u32::try_from(header.len()).unwrap().to_be_bytes(), &header, chunks].concat()
}

fn wrapped_key(package: &[u8]) -> Vec<u8> {
    Header::split(package).unwrap().0.wrapped_key
}

/// Whether KMS released a key for what it was not made for: it may be of no use, and must not be let out.
async fn swapped(options: SceneOptions, change: impl FnOnce(&Ground, &Owner)) -> Found {
    let (scene, said) = super::said(options, async |ground: &Ground, owner: &Owner| {
        change(ground, owner);
        Ok(())
    })
    .await;
    let calls = scene.ground.kms.calls();
    let released = calls.iter().rfind(|call| call.operation == "Decrypt").unwrap().outcome.is_ok();
    scene.found(if released { Found::SUCCEEDED.to_owned() } else { said })
}

pub(super) async fn a_package_with_another_models_key() -> Found {
    let one = bundled_model().unwrap();
    let two = ModelSource { id: "fraud@2".parse().unwrap(), ..one.clone() };
    let options = SceneOptions { models: Some(vec![one, two]), ..SceneOptions::default() };
    swapped(options, |_, owner| {
        let path = |id: &str| owner.package(&id.parse().unwrap());
        let (one, two) = (fs::read(path("fraud@1")).unwrap(), fs::read(path("fraud@2")).unwrap());
        fs::write(path("fraud@1"), with_key(&one, wrapped_key(&two))).unwrap();
    })
    .await
}

pub(super) async fn a_private_part_with_a_models_key() -> Found {
    swapped(SceneOptions::default(), |ground, owner| {
        let model = fs::read(owner.package(&"fraud@1".parse().unwrap())).unwrap();
        let path = ground.layout.store().join("release.bundle");
        let mut bundle = Bundle::decode(&fs::read(&path).unwrap()).unwrap();
        bundle.private = with_key(&bundle.private, wrapped_key(&model));
        fs::write(&path, bundle.encode().unwrap()).unwrap();
    })
    .await
}
