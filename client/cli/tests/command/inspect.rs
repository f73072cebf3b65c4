//! `inspect` tells every file of ours from every other, and no secret.

use ring::rand::SystemRandom;
use serde_json::Value;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::Checkpoint;
use strongroom_attestation::claims::{BootId, Claims, PROTOCOL_VERSION};
use strongroom_attestation::receipt::{Budget, Receipt};
use strongroom_attestation::release::Treatment;
use strongroom_proto::hello::{Evidence, NonceDigest, OfferId, write_offers};
use strongroom_seal::digest::{
    AuditHead, CharterDigest, ControlsDigest, ModelDigest, OutcomeDigest, ReleaseDigest, RequestDigest,
};
use strongroom_seal::key::{Algorithm, SigningKey};
use tempfile::TempDir;

use crate::common::{strongroom, text};

/// What the command says of a file, in JSON and in words.
fn shown(folder: &TempDir, name: &str, bytes: &[u8]) -> (Value, String) {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    shown_file(&path)
}

fn shown_file(path: &std::path::Path) -> (Value, String) {
    let ran = strongroom(&["inspect", text(path), "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let words = strongroom(&["inspect", text(path)]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(words.out.starts_with(json["kind"].as_str().unwrap()), "{}", words.out);
    (json, words.out)
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256, &SystemRandom::new()).unwrap().0
}

fn receipt() -> Receipt {
    Receipt {
        request: RequestDigest::of(b"q"),
        outcome: OutcomeDigest::of(b"a"),
        model: Some(ModelDigest::of(b"m")),
        release: ReleaseDigest::of(b"r"),
        epoch: 7,
        controls: ControlsDigest::of(b"c"),
        treatment: Some(Treatment::LABEL_ONLY),
        voted: false,
        budget: Budget::default(),
        boot: BootId::new([0xab; 16]),
        index: Some(3),
        audit: None,
        time: UnixMillis::new(1_700_000_000_000),
        anchor: UnixMillis::new(1_699_999_999_000),
    }
}

#[test]
fn a_receipt_is_unverified_and_names_who_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let document = receipt().sign(&key(), &SystemRandom::new()).unwrap();
    let (json, words) = shown(&folder, "r.receipt", &document);
    assert_eq!((&json["kind"], &json["content"]["fields"]["epoch"]), (&"receipt".into(), &7.into()));
    assert!(json["verified"].as_str().unwrap().starts_with("UNVERIFIED"));
    assert!(
        words.contains("strongroom receipt verify") && words.contains("the winning class alone"),
        "{words}"
    );
}

#[test]
fn evidence_is_told_part_by_part() {
    let folder = tempfile::tempdir().unwrap();
    let claims = Claims {
        protocol: PROTOCOL_VERSION,
        charter: CharterDigest::of(b"c"),
        release: ReleaseDigest::of(b"r"),
        epoch: 7,
        controls: ControlsDigest::of(b"c"),
        models: vec![],
        channel_key: vec![],
        receipt_key: key().public().clone(),
        boot: BootId::new([0xab; 16]),
    };
    let offers = write_offers(&[(NonceDigest::new([7; 48]), OfferId::new([8; 16]))]);
    let evidence = Evidence {
        document: b"none".to_vec(),
        offers,
        claims: claims.encode().unwrap(),
        charter: b"none".to_vec(),
        release: b"none".to_vec(),
        controls: b"none".to_vec(),
    };
    let (json, _) = shown(&folder, "e.evidence", &evidence.encode().unwrap());
    assert_eq!((&json["kind"], &json["content"]["claims"]["epoch"]), (&"evidence".into(), &7.into()));
    assert_eq!(json["content"]["clients_that_share_the_document"], 1);
    assert_eq!(json["content"]["charter"], "damaged", "what cannot be read is said to be damaged");
    assert!(json["verified"].as_str().unwrap().starts_with("UNVERIFIED"));
}

#[test]
fn the_head_of_a_log_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let head = AuditHead::of(b"h");
    let (boot, time) = (BootId::new([0xab; 16]), UnixMillis::new(1_700_000_000_000));
    let head = Checkpoint { boot, segment: 0, records: 42, head, time };
    let (json, words) = shown(&folder, "head.cose", &head.sign(&key(), &SystemRandom::new()).unwrap());
    assert_eq!((&json["kind"], &json["content"]["records"]), (&"head of an audit log".into(), &42.into()));
    assert!(words.contains("UNVERIFIED") && words.contains("2023-11-14"), "{words}");
}

#[test]
fn of_a_key_only_what_is_public_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = strongroom(&["api-key", "--out", text(&file("client.key"))]);
    strongroom(&["keygen", "--out", text(&file("owner.pem"))]);
    strongroom(&["keygen", "--audit", "--out", text(&file("audit.key"))]);
    let tracing = format!("field = \"{}\"\nwatermark = \"{}\"\n", "a1".repeat(32), "b2".repeat(32));
    std::fs::write(file("fraud.tracing"), tracing).unwrap();
    let all = [
        ("client.key", "API key"),
        ("owner.pem", "signing key of an owner"),
        ("audit.key", "audit key, private half"),
        ("fraud.tracing", "tracing key of a model"),
    ];
    for (name, kind) in all {
        let (json, words) = shown_file(&file(name));
        assert_eq!(json["kind"], kind);
        assert!(json["verified"].as_str().unwrap().contains("secret"), "{words}");
        let secret = std::fs::read_to_string(file(name)).unwrap();
        for line in secret.lines().filter(|line| line.len() > 40 && !line.contains("PRIVATE KEY")) {
            let body = line.trim_start_matches("field = ").trim_start_matches("watermark = ");
            let part = &body[8..32];
            assert!(!words.contains(part) && !json.to_string().contains(part), "{name}");
        }
    }
    let (json, _) = shown_file(&file("client.key"));
    assert_eq!(json["content"]["sha256_as_a_release_names_it"], made.out.trim());
    let (private, public) = (shown_file(&file("audit.key")).0, shown_file(&file("audit.pub")).0);
    assert_eq!(public["kind"], "audit key, public half");
    assert_eq!(private["content"]["public_key_sha256"], public["content"]["public_key_sha256"]);
}

#[test]
fn small_files_of_owners_and_clients_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let pcr = |byte: &str| byte.repeat(48);
    let image =
        serde_json::json!({ "Measurements": { "PCR0": pcr("a0"), "PCR1": pcr("a1"), "PCR2": pcr("a2") } });
    let (json, _) = shown(&folder, "image.json", image.to_string().as_bytes());
    assert_eq!(json["kind"], "measurements of an image");
    assert_eq!(json["content"]["pcr0"], pcr("a0"));
    let (json, _) =
        shown(&folder, "config.toml", b"url = \"https://host.example\"\ntrust = \"trust.toml\"\n");
    assert_eq!((&json["kind"], &json["content"]["trust"]), (&"config file".into(), &"trust.toml".into()));
    let trust = b"least_epoch = 3\n[measurements]\nsigned_by = [\"04\"]\n[charter]\ndigest = \"00\"\n";
    let (json, _) = shown(&folder, "trust.toml", trust);
    assert_eq!(json["kind"], "trust file that names who publishes measurements");
    let record = serde_json::json!({
        "deployment": "d", "epoch": 5, "made_at_ms": 1, "why": "release", "valid_days": 7, "images": [],
        "models": [], "grants": [format!("{}:fraud", "ab".repeat(32))], "policy": "", "audit_key": null, "incident": {},
    });
    let (json, words) = shown(&folder, "5.release.json", record.to_string().as_bytes());
    assert_eq!((&json["content"]["epoch"], &json["content"]["keys"]), (&5.into(), &1.into()));
    assert!(!words.contains("abababab"), "{words}");
}

#[test]
fn copies_of_a_log_are_told_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let line = serde_json::json!({
        "kind": "record", "boot": "ab".repeat(16), "segment": 0, "number": 0, "sealed": "AAAA",
    });
    let (json, words) = shown(&folder, "audit.jsonl", line.to_string().as_bytes());
    assert_eq!(json["kind"], "copy of an audit log");
    assert_eq!(json["content"]["logs_without_a_beginning"][0], format!("{}/0", "ab".repeat(16)));
    assert!(words.contains("UNVERIFIED") && words.contains("audit verify"), "{words}");
}

#[test]
fn a_profile_is_told_in_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fraud/");
    let rows: String = (0..200_u32)
        .map(|row| {
            let values: Vec<String> =
                (0..30_u32).map(|at| f64::from((row * 31 + at * 17) % 97).to_string()).collect();
            values.join(",") + "\n"
        })
        .collect();
    let (data, out) = (folder.path().join("data.csv"), folder.path().join("fraud.profile"));
    std::fs::write(&data, rows).unwrap();
    let model = format!("{models}fraud.onnx");
    let made = strongroom(&["profile", "--model", &model, "--data", text(&data), "--out", text(&out)]);
    assert_eq!(made.code, 0, "{}", made.err);
    let (json, _) = shown_file(&out);
    assert_eq!(json["kind"], "profile of a model's data");
    assert_eq!((&json["content"]["rows"], &json["content"]["features"]), (&200.into(), &30.into()));
}
