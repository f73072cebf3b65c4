//! Trust files with demands on controls, receipts and logs, as far as no enclave is needed.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, strongroom, text};

const KMS_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef";

/// A folder with a charter and an image.
fn owner() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (key, charter) = (folder.path().join("owner.pem"), folder.path().join("charter.cose"));
    assert_eq!(strongroom(&["keygen", "--out", text(folder.path())]).code, 0);
    let args =
        ["charter", "--deployment", "d", "--key", text(&key), "--kms-key", KMS_KEY, "--out", text(&charter)];
    assert_eq!(strongroom(&args).code, 0);
    let pcr = |byte: &str| byte.repeat(48);
    let json = serde_json::json!({ "Measurements": {
        "HashAlgorithm": "Sha384 { ... }", "PCR0": pcr("a0"), "PCR1": pcr("a1"), "PCR2": pcr("a2"),
    }});
    std::fs::write(folder.path().join("image.json"), json.to_string()).unwrap();
    folder
}

fn trust(folder: &Path, more: &[&str]) -> Ran {
    let file = |name: &str| text(&folder.join(name)).to_owned();
    let (charter, image, out) = (file("charter.cose"), file("image.json"), file("trust.toml"));
    let mut args = vec!["trust", "--charter", &charter, "--image", &image, "--out", &out];
    args.extend(more);
    strongroom(&args)
}

#[test]
fn demands_on_controls_are_written_and_explained() {
    let folder = owner();
    let demands = [
        "--owner-may-change-models",
        "--require-outputs",
        "label_only,rounded",
        "--require-inputs-not-recorded",
        "--require-audit",
        "--require-limits",
        "--require-provenance",
        "measured",
    ];
    let made = trust(folder.path(), &demands);
    assert_eq!(made.code, 0, "{}", made.err);
    let file = folder.path().join("trust.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("[controls]\noutputs = [\"rounded\", \"label_only\"]\ninputs = "), "{written}");
    let shown = strongroom(&["inspect", text(&file), "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let words = shown["content"]["controls"].as_array().unwrap();
    assert_eq!(words.len(), 5);
    assert_eq!(words[0], "every answer, to whichever role, is rounded or label_only");
    assert_eq!(words[1], "neither inputs nor outputs are recorded");
    for wrong in [
        &["--owner-may-change-models"] as &[_],
        &["--owner-may-change-models", "--require-outputs", "exact,rounded,label_only"],
        &["--owner-may-change-models", "--require-outputs", "blurred"],
        &["--owner-may-change-models", "--owner-decides-controls", "--require-audit"],
        &["--require-audit"],
    ] {
        assert_eq!(trust(folder.path(), wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn a_log_is_judged_by_a_trust_file_and_what_is_none_is_damaged() {
    let folder = owner();
    assert_eq!(trust(folder.path(), &["--owner-may-change-models", "--owner-decides-controls"]).code, 0);
    let file = |name: &str| text(&folder.path().join(name)).to_owned();
    let (log, trust) = (file("log.jsonl"), file("trust.toml"));
    let verify = |more: &[&str]| {
        let mut args = vec!["audit", "verify", "--log", &log, "--trust", &trust];
        args.extend(more);
        strongroom(&args)
    };
    std::fs::write(&log, "").unwrap();
    let empty = verify(&[]);
    assert_eq!(empty.code, 14, "{}", empty.err);
    assert!(empty.out.contains("NOTE blind") && empty.out.contains("0 logs"), "{}", empty.out);
    std::fs::write(&log, "{}\n").unwrap();
    assert_eq!(verify(&[]).code, 20);
    let zero = "00".repeat(16);
    std::fs::write(
        &log,
        format!("{{\"kind\":\"log\",\"boot\":\"{zero}\",\"segment\":0,\"opening\":\"\",\"document\":\"\"}}"),
    )
    .unwrap();
    let forged = verify(&["--json"]);
    assert_eq!(forged.code, 10, "{}", forged.out);
    let report: Value = serde_json::from_str(&forged.out).unwrap();
    assert_eq!(
        (report["verdict"].as_str(), report["findings"][0]["level"].as_str()),
        (Some("refused"), Some("FAIL"))
    );
    std::fs::write(file("key"), "sra_short").unwrap();
    assert_eq!(verify(&["--key", &file("key")]).code, 2);
    assert_eq!(strongroom(&["audit", "verify", "--log", &log]).code, 2, "no trust file");
}

#[test]
fn boots_that_only_kms_has_seen_are_missing() {
    let folder = owner();
    assert_eq!(trust(folder.path(), &["--owner-may-change-models", "--owner-decides-controls"]).code, 0);
    let file = |name: &str| text(&folder.path().join(name)).to_owned();
    std::fs::write(file("log.jsonl"), "").unwrap();
    let event = serde_json::json!({ "Records": [{
        "eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
        "requestParameters": { "encryptionContext": { "strongroom:deployment": "d" } },
        "additionalEventData": { "recipient": {
            "attestationDocumentModuleId": "i-1-enc2",
            "attestationDocumentEnclaveImageDigest": "a0".repeat(48),
        }},
    }]});
    std::fs::write(file("trail.json"), event.to_string()).unwrap();
    let (log, trust, trail) = (file("log.jsonl"), file("trust.toml"), file("trail.json"));
    let boots = |trail: &str| {
        strongroom(&["audit", "boots", "--log", &log, "--trust", &trust, "--cloudtrail", trail])
    };
    let missing = boots(&trail);
    assert_eq!(missing.code, 14, "{}", missing.err);
    assert!(missing.out.contains("FAIL missing-boot: enclave i-1-enc2") && missing.out.contains("1 boots"));
    assert_eq!(boots(&trust).code, 2, "no CloudTrail file");
}

#[test]
fn a_key_reads_nothing_of_an_empty_log_and_an_export_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| text(&folder.path().join(name)).to_owned();
    let (log, key, out) = (file("log.jsonl"), file("audit.key"), file("out.csv"));
    std::fs::write(&log, "").unwrap();
    std::fs::write(&key, format!("sra_{}\n", "A".repeat(43))).unwrap();
    assert_eq!(strongroom(&["audit", "show", "--log", &log, "--key", &key, "--since", "2026-01-01"]).code, 0);
    assert_eq!(strongroom(&["audit", "show", "--log", &log, "--key", &key, "--since", "soon"]).code, 2);
    let export = ["audit", "export", "--log", &log, "--key", &key, "--out", &out, "--format", "csv"];
    assert_eq!(strongroom(&export).code, 0);
    assert!(std::fs::read_to_string(&out).unwrap().starts_with("boot,segment,number,"));
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(strongroom(&export).code, 2, "never replaced");
}

#[test]
fn a_receipt_needs_its_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let receipt = folder.path().join("r");
    std::fs::write(&receipt, b"r").unwrap();
    assert_eq!(strongroom(&["receipt", "verify", text(&receipt)]).code, 2);
    let ran = strongroom(&["receipt", "verify", text(&receipt), "--evidence", text(&receipt), "--json"]);
    assert_eq!(ran.code, 10);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (report["verdict"].as_str(), report["checks"][0]["id"].as_str()),
        (Some("refused"), Some("evidence"))
    );
}

#[test]
fn a_risk_is_a_name_and_a_finite_number() {
    for (risk, said) in [("amount", "NAME=NUMBER"), ("amount=inf", "finite"), ("A=1", "64 of a-z")] {
        let ran = strongroom(&[
            "infer", "--url", "x", "--trust", "t", "--model", "m", "--input", "-", "--risk", risk,
        ]);
        assert!(ran.code == 2 && ran.err.contains(said), "{}", ran.err);
    }
}
