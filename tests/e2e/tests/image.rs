//! Enclave images through the shipped command: built, measured, signed, pinned.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail with the test")]

use std::path::Path;

use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use strongroom_e2e::Stage;
use strongroom_eif::{Image, SignatureSection};
use strongroom_kms::PolicyText;
use strongroom_sim::world::{ACCOUNT, Binaries, Output};

/// Runs the shipped command in a folder's name.
async fn strongroom(args: &[&str]) -> Output {
    let binaries = Binaries::beside_this_one().unwrap();
    binaries.strongroom(args.iter().map(|arg| (*arg).to_owned()), &[]).await.unwrap()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The parts of an image; none of them need be real to be measured.
fn parts(folder: &Path) -> [String; 2] {
    for name in ["init", "kernel"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    [format!("--init={}", path(folder, "init")), format!("--kernel={}", path(folder, "kernel"))]
}

#[tokio::test]
async fn the_same_parts_give_the_same_image_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    let build = async |out: &str, more: &[&str]| {
        let out = format!("--output={}", path(folder, out));
        let built = strongroom(&[&["image", &init, &kernel, &out], more].concat()).await;
        assert_eq!(built.code, 0, "{}", built.stderr);
        built.stdout
    };
    let first = build("first.eif", &[]).await;
    assert_eq!(first, build("again.eif", &[]).await);
    assert_eq!(
        std::fs::read(folder.join("first.eif")).unwrap(),
        std::fs::read(folder.join("again.eif")).unwrap()
    );
    let measured = strongroom(&["measure", &path(folder, "first.eif")]).await;
    assert_eq!(measured.stdout, first, "nitro-cli's shape, alone on stdout");
    assert!(first.starts_with(r#"{"Measurements":{"#) && measured.stderr.is_empty());
    // Settings are measured; metadata are not.
    assert_ne!(first, build("other.eif", &["--parent-cid=4"]).await);
    assert_eq!(first, build("named.eif", &["--name=other", "--metadata=a=b"]).await);
    let shown = strongroom(&["inspect", &path(folder, "first.eif")]).await.stdout;
    for entry in ["enclave image", "etc/strongroom/kms-roots.pem (0444", "init (0555, 4 bytes)", "PCR0"] {
        assert!(shown.contains(entry), "{entry} is not in {shown}");
    }
}

#[tokio::test]
async fn a_damaged_image_is_named_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    let image = path(folder, "x.eif");
    assert_eq!(strongroom(&["image", &init, &kernel, &format!("--output={image}")]).await.code, 0);
    let mut bytes = std::fs::read(&image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&image, bytes).unwrap();
    for command in ["measure", "inspect"] {
        let refused = strongroom(&[command, &image]).await;
        assert_eq!(refused.code, 2, "{command}");
        assert!(refused.stderr.contains("checksum does not fit"), "{command}: {}", refused.stderr);
    }
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    let file = path(folder, "init");
    let refused = strongroom(&["measure", &file]).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("not an enclave image file"), "{}", refused.stderr);
    let out = format!("--output={}", path(folder, "x.eif"));
    let roots = format!("--pin-kms-roots={file}");
    let refused = strongroom(&["image", &init, &kernel, &out, &roots]).await;
    assert_ne!(refused.code, 0);
    assert!(!folder.join("x.eif").exists());
}

#[tokio::test]
async fn the_policy_of_an_image_pins_it_and_lints_clean() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    let image = path(folder, "x.eif");
    assert_eq!(strongroom(&["image", &init, &kernel, &format!("--output={image}")]).await.code, 0);
    let charter = format!("--charter={}", stage.ground.layout.store().join("charter.cose").display());
    let arn = |flag: &str, role: &str| format!("--{flag}=arn:aws:iam::{ACCOUNT}:role/{role}");
    let principals = [arn("admin", "admin"), arn("sealer", "owner"), arn("enclave-role", "host")];
    let [admin, sealer, enclave] = principals.each_ref().map(String::as_str);
    let policy = strongroom(&["measure", &image, "--kms-policy", &charter, admin, sealer, enclave]).await;
    assert_eq!(policy.code, 0, "{}", policy.stderr);
    let measured = strongroom(&["measure", &image]).await.stdout;
    std::fs::write(folder.join("image.json"), &measured).unwrap();
    let json = format!("--image={}", path(folder, "image.json"));
    let same = strongroom(&["kms-policy", &charter, &json, admin, sealer, enclave]).await;
    assert_eq!(policy.stdout, same.stdout);
    std::fs::write(folder.join("policy.json"), &policy.stdout).unwrap();
    let lint = strongroom(&["kms-policy", "lint", &path(folder, "policy.json"), &charter, &json]).await;
    assert_eq!(lint.code, 0, "{}{}", lint.stdout, lint.stderr);
}

/// A key whose signatures can be checked, its PKCS#8 (in PEM as `key.pem`) and the path of its certificate.
fn signer(folder: &Path) -> (EcdsaKeyPair, Vec<u8>, String) {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pkcs8.as_ref());
    let text = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    std::fs::write(folder.join("key.pem"), &text).unwrap();
    let key = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&text, &rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    std::fs::write(folder.join("certificate.pem"), certificate_of(&key)).unwrap();
    (pair, pkcs8.as_ref().to_vec(), path(folder, "certificate.pem"))
}

fn certificate_of(key: &rcgen::KeyPair) -> String {
    rcgen::CertificateParams::default().self_signed(key).unwrap().pem()
}

fn assert_signed_by(pair: &EcdsaKeyPair, image: &Path) {
    let bytes = std::fs::read(image).unwrap();
    let image = Image::read(&bytes).unwrap();
    let signature = image.signature().unwrap();
    let message = SignatureSection::to_be_signed(&image.measure().image.pcr0).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, pair.public_key().as_ref());
    key.verify(&message, signature.signature()).unwrap();
    assert!(image.measure().pcr8.is_some_and(|pcr| !pcr.is_zero()));
}

#[tokio::test]
async fn an_image_is_signed_with_a_key_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    let (pair, _, certificate) = signer(folder);
    let out = path(folder, "signed.eif");
    let args = [
        "image",
        &init,
        &kernel,
        &format!("--output={out}"),
        &format!("--sign-certificate={certificate}"),
        &format!("--sign-key={}", path(folder, "key.pem")),
    ];
    let built = strongroom(&args).await;
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert!(built.stdout.contains("PCR8"), "{}", built.stdout);
    assert_signed_by(&pair, Path::new(&out));
    let without = strongroom(&args[..5]).await;
    assert_ne!(without.code, 0, "a certificate without a key");
}

#[tokio::test]
async fn a_certificate_of_another_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    signer(folder);
    let cases = [
        (&rcgen::PKCS_ECDSA_P384_SHA384, "--sign-certificate is not of the signing key"),
        (&rcgen::PKCS_ECDSA_P256_SHA256, "--sign-certificate is not of a P-384 key"),
    ];
    for (algorithm, reason) in cases {
        let other = rcgen::KeyPair::generate_for(algorithm).unwrap();
        std::fs::write(folder.join("other.pem"), certificate_of(&other)).unwrap();
        let refused = strongroom(&[
            "image",
            &init,
            &kernel,
            &format!("--output={}", path(folder, "signed.eif")),
            &format!("--sign-certificate={}", path(folder, "other.pem")),
            &format!("--sign-key={}", path(folder, "key.pem")),
        ])
        .await;
        assert_ne!(refused.code, 0, "{}", refused.stdout);
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
        assert!(!folder.join("signed.eif").exists());
    }
}

#[tokio::test]
async fn an_image_is_signed_with_a_key_that_stays_in_kms() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [init, kernel] = parts(folder);
    let (pair, pkcs8, certificate) = signer(folder);
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Principal": {{"AWS": "arn:aws:iam::{ACCOUNT}:user/owner"}}}}]}}"#
    );
    let key =
        stage.owner.admin().create_key(&PolicyText::new(policy).unwrap(), "signs images").await.unwrap();
    stage.ground.kms.alter(key.as_str(), |key| key.signing = Some(hex::encode(&pkcs8))).unwrap();
    let out = path(folder, "signed.eif");
    let args = [
        "image".to_owned(),
        init,
        kernel,
        format!("--output={out}"),
        format!("--sign-certificate={certificate}"),
        format!("--sign-kms-key={}", key.as_str()),
        format!("--kms-connect={}", stage.ground.kms_address),
        format!("--kms-roots={}", stage.ground.layout.kms_roots().display()),
    ];
    let owner = &stage.ground.owner;
    let credentials = [
        ("AWS_ACCESS_KEY_ID", owner.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", owner.secret_access_key.as_str()),
    ];
    let built = stage.binaries.strongroom(args, &credentials).await.unwrap();
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert_signed_by(&pair, Path::new(&out));
}
