//! The owner's policy, its judgement and its words, and what an incident needs before it asks KMS.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{strongroom, text};

const KMS_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef";

fn policy(folder: &TempDir, more: &str) -> PathBuf {
    let path = folder.path().join("policy.toml");
    let key = "ab".repeat(32);
    let policy = format!(
        "audit_key = \"audit.pub\"\n[role.analyst]\nmodels = {{ fraud = \"coarse\" }}\nrate = {{ rows = 100 }}\n\
         bits = 1000\n[treatment.coarse]\ndecimals = 3\n[[key]]\nsha256 = \"{key}\"\nrole = \"analyst\"\n{more}"
    );
    std::fs::write(&path, policy).unwrap();
    path
}

fn with_audit_key() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("audit.key");
    let made = strongroom(&["keygen", "--audit", "--out", text(&key)]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    folder
}

#[test]
fn an_audit_key_is_private_and_its_public_half_is_beside_it() {
    let folder = with_audit_key();
    let (key, public) = (folder.path().join("audit.key"), folder.path().join("audit.pub"));
    let line = std::fs::read_to_string(&key).unwrap();
    assert!(line.starts_with("sra_") && line.len() == 48 && line.ends_with('\n'));
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(public).unwrap().trim().len(), 2 * 1216);
    assert_eq!(strongroom(&["keygen", "--audit", "--out", text(&key)]).code, 2, "a key is never overwritten");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), line);
}

/// The first example of the manual is usable as it stands, but for the digests that it leaves out.
#[test]
fn the_example_of_the_manual_is_usable() {
    let folder = with_audit_key();
    let manual =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let example = manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut parts = example.split("sha256 = \"…\"");
    let mut whole = parts.next().unwrap().to_owned();
    for (number, rest) in parts.enumerate() {
        whole += &format!("sha256 = \"{number:064x}\"{rest}");
    }
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, whole).unwrap();
    let judged = strongroom(&["policy", "check", "--policy", text(&path)]);
    assert_eq!(judged.code, 0, "{}{}", judged.out, judged.err);
    assert!(!judged.out.contains("error "), "{}", judged.out);
}

#[test]
fn a_policy_is_judged_by_a_code_and_in_words() {
    let folder = with_audit_key();
    let check = |more: &str, json: &[&str]| {
        let path = policy(&folder, more);
        strongroom(&[["policy", "check", "--policy", text(&path)].as_slice(), json].concat())
    };
    let good = check("", &[]);
    assert_eq!((good.code, good.out.as_str()), (0, "verdict: usable\n"), "{}", good.err);
    let warned = check("[organisation.acme]\n", &["--json"]);
    let report: Value = serde_json::from_str(&warned.out).unwrap();
    assert_eq!((warned.code, report["verdict"].as_str()), (0, Some("usable")));
    assert_eq!(report["findings"][0]["rule"], "organisation-empty");
    assert_eq!(report["findings"][0]["level"], "warning");
    let bad = check("organisation = \"acme\"\n", &[]);
    assert_eq!(bad.code, 2);
    assert!(bad.out.starts_with("error name-unknown: key 1 ") && bad.out.ends_with("verdict: refused\n"));
    let unknown = check("roles = 5\n", &[]);
    assert!(unknown.code == 2 && unknown.err.contains("line 11"), "{}", unknown.err);
}

#[test]
fn a_policy_is_explained() {
    let folder = with_audit_key();
    let shown = strongroom(&["inspect", text(&policy(&folder, ""))]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for said in [
        "policy\n",
        "answers of fraud: numbers are rounded to 3 decimals",
        "100 rows a second",
        "boots × replicas",
    ] {
        assert!(shown.out.contains(said), "{said} in\n{}", shown.out);
    }
    let wrong = strongroom(&["inspect", text(&policy(&folder, "roles = 5\n"))]);
    assert!(wrong.code == 2 && wrong.err.contains("line 11"), "{}", wrong.err);
}

#[test]
fn an_incident_needs_a_history_and_somewhere_to_go() {
    let folder = with_audit_key();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    assert_eq!(strongroom(&["keygen", "--out", text(folder.path())]).code, 0);
    let (key, charter) = (path("owner.pem"), path("charter.cose"));
    let made =
        strongroom(&["charter", "--deployment", "d", "--key", &key, "--kms-key", KMS_KEY, "--out", &charter]);
    assert_eq!(made.code, 0, "{}", made.err);
    let (history, out) = (path("history"), path("release.bundle"));
    let owner = ["--charter", &charter, "--key", &key, "--kms-key", KMS_KEY, "--history", &history];
    let lockdown = ["incident", "lockdown"];
    let nowhere = strongroom(&[lockdown.as_slice(), &owner].concat());
    assert!(nowhere.code == 2 && nowhere.err.contains("--store"), "{}", nowhere.err);
    let absent = strongroom(&[lockdown.as_slice(), &owner, &["--out", &out]].concat());
    assert_eq!(absent.code, 1, "{}", absent.err);
    std::fs::create_dir(&history).unwrap();
    let open = strongroom(&[lockdown.as_slice(), &owner, &["--out", &out]].concat());
    assert!(open.code == 2 && open.err.contains("0700"), "{}", open.err);
    std::fs::set_permissions(&history, PermissionsExt::from_mode(0o700)).unwrap();
    let empty = strongroom(&[lockdown.as_slice(), &owner, &["--out", &out]].concat());
    assert!(empty.code == 2 && empty.err.contains("no release"), "{}", empty.err);
    let typed = strongroom(&[lockdown.as_slice(), &owner, &["--store", &path("stroe")]].concat());
    assert!(typed.code == 2 && typed.err.contains("not a folder"), "{}", typed.err);
    for wrong in [
        ["incident", "block"].as_slice(),
        &["incident", "block", "--key-sha256", "sr_secret"],
        &["incident", "freeze", "--model", "fraud"],
        &["incident", "freeze", "--for", "2h"],
        &["incident", "rollback"],
    ] {
        assert_eq!(strongroom(&[wrong, &owner, &["--out", &out]].concat()).code, 2, "{wrong:?}");
    }
    assert!(!folder.path().join("release.bundle").exists());
}

#[test]
fn lift_without_a_measure_lists_those_in_force_and_uses_no_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    assert_eq!(strongroom(&["keygen", "--out", text(folder.path())]).code, 0);
    let (key, charter, history) = (path("owner.pem"), path("charter.cose"), path("history"));
    let made =
        strongroom(&["charter", "--deployment", "d", "--key", &key, "--kms-key", KMS_KEY, "--out", &charter]);
    assert_eq!(made.code, 0, "{}", made.err);
    std::fs::create_dir(&history).unwrap();
    std::fs::set_permissions(&history, PermissionsExt::from_mode(0o700)).unwrap();
    let record = serde_json::json!({
        "deployment": "d", "epoch": 3, "made_at_ms": 1, "why": "incident lockdown", "valid_days": 7, "images": [],
        "models": [], "grants": [], "policy": "", "audit_key": null,
        "incident": { "label_only": ["fraud"], "lockdown": true },
    });
    std::fs::write(folder.path().join("history/3.release.json"), record.to_string()).unwrap();
    let owner = ["--charter", &charter, "--key", &key, "--kms-key", KMS_KEY, "--history", &history];
    for wrong in [["incident", "lift"].as_slice(), &["incident", "lift", "--model", "other"]] {
        let ran = strongroom(&[wrong, &owner, &["--out", &path("release.bundle")]].concat());
        assert_eq!(ran.code, 2, "{wrong:?}: {}", ran.err);
        assert!(ran.err.contains("lockdown: nobody may infer"), "{}", ran.err);
        assert!(ran.err.contains("labels alone of fraud"), "{}", ran.err);
    }
    let out = path("release.bundle");
    let deliver = [["incident", "deliver"].as_slice(), &owner, &["--out", &out]].concat();
    assert_eq!(strongroom(&deliver).code, 1, "a bundle that was not kept");
    std::fs::write(folder.path().join("history/3.release.bundle"), b"none").unwrap();
    assert_eq!(strongroom(&deliver).code, 20, "a damaged one");
    assert!(!folder.path().join("history/4.release.json").exists());
    assert!(!folder.path().join("release.bundle").exists());
}
