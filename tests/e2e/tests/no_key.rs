//! Without the right measurements there is no key, and without the key no weights: whatever differs,
//! the enclave does not serve, and KMS or the enclave itself says why.

use std::sync::Arc;

use strongroom_attestation::charter::{Charter, SignedCharter};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy};
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_sim::kms::{ErrorKind, Misdeed};
use strongroom_sim::world::{ACCOUNT, EnclaveOptions, Ground, Owner, WorldError};

/// Sets a stage that must not serve, and returns the enclave's public reason and KMS's last outcome.
async fn refused(
    options: StageOptions,
    change: impl AsyncFnOnce(&Ground, &Owner) -> Result<(), WorldError>,
) -> (String, Option<ErrorKind>) {
    let stage = Stage::set_with(options, change).await.unwrap();
    let refusal = stage.refusal().await.unwrap();
    assert!(!stage.host.is_serving().await);
    let mut decrypts = stage.ground.kms.calls().into_iter().filter(|call| call.operation == "Decrypt");
    (refusal, decrypts.next_back().and_then(|call| call.outcome.err()))
}

fn principals() -> Principals {
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}").parse().unwrap();
    Principals { admin: arn("user/owner"), sealer: arn("user/owner"), enclave: arn("role/strongroom-host") }
}

/// The key policy pins these registers in place of the true ones.
async fn pin(ground: &Ground, owner: &Owner, image: Option<[u8; 48]>, charter: Option<[u8; 48]>) {
    let signed = std::fs::read(ground.layout.store().join("charter.cose")).unwrap();
    let true_charter = *SignedCharter::open(&signed).unwrap().pcr16().as_bytes();
    let text = std::fs::read_to_string(ground.layout.owner("image-0.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let true_image = hex::decode(json["Measurements"]["PCR0"].as_str().unwrap()).unwrap();
    let pin = Pin {
        image: PinnedPcr::new(image.unwrap_or(true_image.try_into().unwrap())).unwrap(),
        charter: PinnedPcr::new(charter.unwrap_or(true_charter)).unwrap(),
    };
    let policy = key_policy(&principals(), &[pin]).unwrap();
    owner.admin().put_key_policy(owner.key(), &policy).await.unwrap();
}

#[tokio::test]
async fn another_pcr0_gets_no_key() {
    let (refusal, kms) = refused(StageOptions::default(), async |ground: &Ground, owner: &Owner| {
        pin(ground, owner, Some([1; 48]), None).await;
        Ok(())
    })
    .await;
    assert_eq!(kms, Some(ErrorKind::AccessDenied), "{refusal}");
}

#[tokio::test]
async fn another_pcr16_gets_no_key() {
    let (refusal, kms) = refused(StageOptions::default(), async |ground: &Ground, owner: &Owner| {
        pin(ground, owner, None, Some([1; 48])).await;
        Ok(())
    })
    .await;
    assert_eq!(kms, Some(ErrorKind::AccessDenied), "{refusal}");
}

/// The host passes a charter of its own, which names its own signing key, and a release it signed.
#[tokio::test]
async fn a_charter_of_the_hosts_own_gets_no_key() {
    let (refusal, kms) = refused(StageOptions::default(), async |ground: &Ground, owner: &Owner| {
        let random = ring::rand::SystemRandom::new();
        let (key, _) = SigningKey::generate(Algorithm::Es384, &random).unwrap();
        let path = ground.layout.store().join("charter.cose");
        let genuine = SignedCharter::open(&std::fs::read(&path).unwrap()).unwrap();
        let mut keys = genuine.charter().keys.clone();
        keys.push(key.public().clone());
        let kms_keys = vec![owner.key().as_str().to_owned()];
        let own = Charter { keys, kms_keys, ..genuine.charter().clone() };
        std::fs::write(&path, own.sign(&key, &random).unwrap()).unwrap();
        Ok(())
    })
    .await;
    assert_eq!(kms, Some(ErrorKind::AccessDenied), "{refusal}");
}

#[tokio::test]
async fn a_debug_image_gets_no_key() {
    let enclave = EnclaveOptions { debug: true, ..EnclaveOptions::default() };
    let options = StageOptions { enclave, ..StageOptions::default() };
    let (refusal, kms) = refused(options, async |_: &Ground, _: &Owner| Ok(())).await;
    assert!(refusal.contains("does not list this image"), "{refusal}");
    assert_eq!(kms, None, "it does not even ask");
}

#[tokio::test]
async fn a_changed_binary_is_another_image() {
    let binaries = strongroom_sim::world::Binaries::beside_this_one().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("enclave");
    let mut bytes = std::fs::read(binaries.path("strongroom-sim-enclave")).unwrap();
    // Appended bytes leave the program as it is and change what is measured.
    bytes.push(0);
    std::fs::write(&changed, bytes).unwrap();
    std::fs::set_permissions(&changed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let enclave = EnclaveOptions { executable: Some(changed), ..EnclaveOptions::default() };
    let options = StageOptions { enclave, ..StageOptions::default() };
    let (refusal, _) = refused(options, async |_: &Ground, _: &Owner| Ok(())).await;
    assert!(refusal.contains("does not list this image"), "{refusal}");
}

/// An enclave whose documents another PKI signs: KMS takes that for no document at all.
#[tokio::test]
async fn another_root_is_no_attestation() {
    let folder = tempfile::tempdir().unwrap();
    let now = strongroom_e2e::now();
    strongroom_sim::pki::NitroPki::generate(now).unwrap().save(folder.path()).unwrap();
    let enclave = EnclaveOptions { pki: Some(folder.path().to_owned()), ..EnclaveOptions::default() };
    let options = StageOptions { enclave, ..StageOptions::default() };
    let (refusal, kms) = refused(options, async |_: &Ground, _: &Owner| Ok(())).await;
    assert!(matches!(kms, Some(ErrorKind::Validation | ErrorKind::AccessDenied)), "{kms:?} {refusal}");
}

#[tokio::test]
async fn a_kms_that_answers_plaintext_or_for_another_key_is_refused() {
    let other = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000");
    let misdeeds = [
        (Misdeed::AnswerPlaintext, "plaintext"),
        (Misdeed::AnswerBoth, "plaintext"),
        (Misdeed::StripRecipient, "recipient"),
        (Misdeed::NameOtherKey(other), "key"),
        (Misdeed::GarbleRecipient, "acceptable"),
        (Misdeed::ForgePlaintext(vec![7; 32]), "damaged"),
    ];
    for (misdeed, word) in misdeeds {
        let chosen = misdeed.clone();
        let (refusal, _) = refused(StageOptions::default(), async move |ground: &Ground, _: &Owner| {
            ground.kms.misbehave(chosen);
            Ok(())
        })
        .await;
        assert!(refusal.contains(word), "{misdeed:?}: {refusal}");
    }
}

#[tokio::test]
async fn a_disabled_key_opens_nothing_until_it_is_enabled() {
    let (refusal, kms) = refused(StageOptions::default(), async |_: &Ground, owner: &Owner| {
        let shut = strongroom_kms::policy::shut_policy(&principals())?;
        Ok(owner.admin().put_key_policy(owner.key(), &shut).await?)
    })
    .await;
    assert_eq!(kms, Some(ErrorKind::AccessDenied), "{refusal}");
}

/// The host hands the enclave sealed packages and releases that are damaged, swapped or foreign.
#[tokio::test]
async fn damaged_swapped_and_foreign_packages_do_not_load() {
    type Change = Arc<dyn Fn(&Ground, Vec<u8>) -> Vec<u8> + Send + Sync>;
    let cases: Vec<(&str, Change)> = vec![
        (
            "damaged",
            Arc::new(|_, mut bytes| {
                let at = bytes.len() / 2;
                bytes[at] ^= 1;
                bytes
            }),
        ),
        (
            "damaged",
            Arc::new(|_, mut bytes| {
                bytes.truncate(bytes.len() - 1);
                bytes
            }),
        ),
        (
            "follow",
            Arc::new(|_, mut bytes| {
                bytes.push(0);
                bytes
            }),
        ),
        (
            "header",
            Arc::new(|_, mut bytes| {
                bytes[0] ^= 1;
                bytes
            }),
        ),
        ("header", Arc::new(|_, _| Vec::new())),
    ];
    for (word, change) in cases {
        let (refusal, _) = refused(StageOptions::default(), async move |ground: &Ground, owner: &Owner| {
            let path = owner.package(&"fraud@1".parse().unwrap());
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, change(ground, bytes)).unwrap();
            Ok(())
        })
        .await;
        assert!(refusal.contains(word) || refusal.contains("ends after"), "{word}: {refusal}");
    }
}
