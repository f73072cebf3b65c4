//! The owner's commands that need no KMS.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{strongroom, strongroom_with, text};

const KMS_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef";
const USER: &str = "arn:aws:iam::111122223333:user/owner";
const HOSTS: &str = "arn:aws:iam::111122223333:role/hosts";

/// A folder with an owner's key and charter.
fn owner() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (key, charter) = (folder.path().join("owner.pem"), folder.path().join("charter.cose"));
    assert_eq!(strongroom(&["keygen", "--out", text(folder.path())]).code, 0);
    let args =
        ["charter", "--deployment", "d", "--key", text(&key), "--kms-key", KMS_KEY, "--out", text(&charter)];
    let made = strongroom(&args);
    assert_eq!(made.code, 0, "{}", made.err);
    folder
}

fn json(args: &[&str]) -> Value {
    let ran = strongroom(args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

fn image(folder: &Path) -> String {
    let path = folder.join("image.json");
    let pcr = |byte: &str| byte.repeat(48);
    let json = serde_json::json!({ "Measurements": {
        "HashAlgorithm": "Sha384 { ... }", "PCR0": pcr("a0"), "PCR1": pcr("a1"), "PCR2": pcr("a2"),
    }});
    std::fs::write(&path, json.to_string()).unwrap();
    text(&path).to_owned()
}

#[test]
fn a_key_is_private_and_never_overwritten() {
    let folder = owner();
    let key = folder.path().join("owner.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    let again = strongroom(&["keygen", "--out", text(&key)]);
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn a_charter_is_never_replaced() {
    let folder = owner();
    let (key, charter) = (folder.path().join("owner.pem"), folder.path().join("charter.cose"));
    assert_eq!(std::fs::metadata(&charter).unwrap().permissions().mode() & 0o600, 0o600);
    let before = std::fs::read(&charter).unwrap();
    let args = ["charter", "--deployment", "other", "--key", text(&key), "--kms-key", KMS_KEY];
    let again = strongroom(&[args.as_slice(), &["--out", text(&charter)]].concat());
    assert_eq!((again.code, again.out.as_str()), (2, ""), "{}", again.err);
    assert_eq!(std::fs::read(&charter).unwrap(), before);
}

#[test]
fn an_api_key_is_one_line_and_its_digest_alone_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api-key");
    let made = strongroom(&["api-key", "--out", text(&path)]);
    assert_eq!(made.code, 0);
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(key.starts_with("sr_") && key.len() == 47 && key.ends_with('\n'));
    assert!(made.out.trim().len() == 64 && !made.out.contains(&key[3..20]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(strongroom(&["api-key", "--out", text(&path)]).code, 2);
}

#[test]
fn a_charter_is_explained_and_a_changed_one_is_not() {
    let folder = owner();
    let path = folder.path().join("charter.cose");
    let shown = json(&["inspect", text(&path), "--json"]);
    assert_eq!(
        (shown["kind"].as_str(), shown["content"]["deployment"].as_str()),
        (Some("charter"), Some("d"))
    );
    assert_eq!(shown["content"]["kms_keys"][0], KMS_KEY);
    assert!(shown["verified"].as_str().unwrap().contains("UNVERIFIED"));
    let human = strongroom(&["inspect", text(&path)]);
    assert!(human.out.contains("  0: ") && human.out.contains("deployment: d"));
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(strongroom(&["inspect", text(&path)]).code, 1);
    let image = image(folder.path());
    let policy = ["--image", &image, "--admin", USER, "--sealer", USER, "--enclave-role", HOSTS];
    let args = [["kms-policy", "--charter", text(&path)].as_slice(), &policy].concat();
    assert_eq!(strongroom(&args).code, 20, "a damaged file");
}

#[test]
fn the_key_policy_pins_image_and_charter() {
    let folder = owner();
    let (charter, image) = (folder.path().join("charter.cose"), image(folder.path()));
    let pcr16 = json(&["inspect", text(&charter), "--json"])["content"]["pcr16"].as_str().unwrap().to_owned();
    let people = ["--admin", USER, "--sealer", USER, "--enclave-role", HOSTS];
    let start = ["kms-policy", "--charter", text(&charter)];
    let policy = json(&[start.as_slice(), &["--image", &image], &people].concat()).to_string();
    assert!(policy.contains(&pcr16) && policy.contains(&"a0".repeat(48)));
    assert_eq!(strongroom(&[start.as_slice(), &people].concat()).code, 2, "no image");
    let debug = "0".repeat(96);
    assert_eq!(
        strongroom(&[start.as_slice(), &["--pcr0", &debug], &people].concat()).code,
        2,
        "a debug image"
    );
    let same = ["--image", &image, "--admin", USER, "--sealer", USER, "--enclave-role", USER];
    let refused = strongroom(&[start.as_slice(), &same].concat());
    assert_eq!(refused.code, 2, "hosts that could replace the policy");
}

#[test]
fn a_literal_secret_is_a_usage_error_that_says_why() {
    let args = ["infer", "--url", "http://127.0.0.1:1", "--trust", "t", "--model", "m", "--input", "-"];
    let literal = strongroom(&[args.as_slice(), &["--api-key", "sr_secret"]].concat());
    assert_eq!((literal.code, literal.out.as_str()), (2, ""));
    assert!(literal.err.contains("@FILE") && literal.err.contains("every user"), "{}", literal.err);
}

#[test]
fn a_secret_given_by_mistake_is_not_repeated() {
    let folder = owner();
    let file = |name: &str| text(&folder.path().join(name)).to_owned();
    let secret = "wJalrXUtnFEMIK7MDENG";
    let (trust, key) = (file("trust.toml"), file("owner.pem"));
    let ask = ["status", "--url", "http://127.0.0.1:1", "--trust", &trust];
    let lint = ["kms-policy", "lint", "--key", KMS_KEY];
    let (charter, image) = (file("charter.cose"), image(folder.path()));
    let demands = ["--owner-may-change-models", "--owner-decides-controls"];
    let written = ["trust", "--charter", &charter, "--image", &image, "--out", &trust];
    assert_eq!(strongroom(&[written.as_slice(), &demands].concat()).code, 0);
    for (args, option, value, code) in [
        (ask.as_slice(), "--api-key", format!("sr_{secret}"), 2),
        (&lint, "--credentials", format!("{{\"SecretAccessKey\":\"{secret}\"}}"), 2),
        (&ask, "--api-key", format!("@sr_{secret}"), 1),
        (&lint, "--credentials", format!("@{secret}"), 1),
        // A file that is there, and holds something else.
        (&ask, "--api-key", format!("@{key}"), 2),
    ] {
        let joined = format!("{option}={value}");
        for given in [[option, value.as_str()].as_slice(), &[joined.as_str()]] {
            let ran = strongroom(&[args, given].concat());
            assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{}", ran.err);
            // A long word is broken into lines.
            let told: String = ran.err.split(['\n', ' ', '│']).collect();
            assert!(!told.contains("wJalr") && !told.contains("MDENG"), "{}", ran.err);
            assert!(told.contains(option) || value.ends_with("owner.pem"), "{}", ran.err);
        }
    }
}

#[test]
fn a_key_where_none_belongs_is_not_repeated() {
    let key = format!("sr_{}", "wJalrXUtn".repeat(5).get(..43).unwrap());
    for args in [
        vec![key.as_str()],
        vec!["status", &key],
        vec!["incident", "block", "--key-sha256", &key],
        vec!["status", &format!("--{key}")],
    ] {
        let ran = strongroom(&args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
        assert!(!ran.err.contains("wJalr") && ran.err.contains("secret"), "{}", ran.err);
    }
    let typed = strongroom(&["incident", "block", "--key-sha256", "sr_short"]);
    assert!(typed.err.contains("64 hexadecimal digits"), "{}", typed.err);
}

#[test]
fn a_key_where_a_path_belongs_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("audit.key");
    assert_eq!(strongroom(&["keygen", "--audit", "--out", text(&key)]).code, 0);
    let coded = "wJalrXUtn".repeat(5);
    let coded = coded.get(..43).unwrap();
    let (api, audit, digest) = (format!("sr_{coded}"), format!("sra_{coded}"), "ab".repeat(32));
    let block = ["incident", "block", "--key-sha256", &digest, "--charter", "c", "--key", "k"];
    let rest = ["--kms-key", KMS_KEY, "--history", "h", "--store", &api];
    let pem = format!("--key=-----BEGIN PRIVATE KEY-----\n{coded}\n-----END PRIVATE KEY-----");
    for (args, code) in [
        (vec!["audit", "show", "--log", "x", "--key", &audit], 1),
        (vec!["audit", "show", "--log", &audit, "--key", text(&key)], 20),
        (vec!["monitor", "show", "--db", &audit, "--key", text(&key)], 20),
        (vec!["inspect", &api], 1),
        (vec!["inspect", "x", "--config", &api], 1),
        ([block.as_slice(), &rest].concat(), 2),
        (vec!["charter", "--deployment", "d", "--kms-key", KMS_KEY, "--out", "x", &pem], 1),
    ] {
        let ran = strongroom(&args);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{}", ran.err);
        assert!(!ran.err.contains("wJalr") && ran.err.contains("looks like a secret"), "{}", ran.err);
    }
}

#[test]
fn seal_and_release_refuse_before_they_ask_kms() {
    let folder = owner();
    let (key, charter) = (folder.path().join("owner.pem"), folder.path().join("charter.cose"));
    let (onnx, out) = (folder.path().join("m.onnx"), folder.path().join("m.sealed"));
    std::fs::write(&onnx, b"not a model").unwrap();
    let owner = ["--charter", text(&charter), "--key", text(&key), "--out", text(&out), "--kms-key"];
    let seal = ["seal", "--model", text(&onnx), "--name", "m", "--version", "1"];
    assert_eq!(strongroom(&[seal.as_slice(), &owner, &[KMS_KEY]].concat()).code, 1, "not a model");
    let other = KMS_KEY.replace("01234567-", "f1234567-");
    let other = strongroom(&[seal.as_slice(), &owner, &[other.as_str()]].concat());
    assert!(other.code == 2 && other.err.contains("charter"), "a key that the charter does not name");
    assert_eq!(
        strongroom(&[seal.as_slice(), &owner, &["arn:aws:kms:eu-west-1:111122223333:alias/a"]].concat()).code,
        2
    );
    std::fs::write(&onnx, b"SRSEAL\x00\x01\x00\x00\x00\x05damaged").unwrap();
    let image = image(folder.path());
    let release = ["release", "--epoch", "1", "--image", &image, "--model", text(&onnx)];
    let ran = strongroom_with(&[release.as_slice(), &owner, &[KMS_KEY]].concat(), &[]);
    assert_eq!(ran.code, 20, "{}", ran.err);
    assert!(!out.exists());
}

#[test]
fn an_unknown_file_is_said_to_be_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"hello").unwrap();
    let ran = strongroom(&["inspect", text(&path)]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(strongroom(&["no-such-command"]).code, 2);
}
