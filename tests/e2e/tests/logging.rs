//! What the host logs is an allow-list: of fields, of the shapes of their values, and of sentences.
//!
//! Two looks at the same rule. The sources are read, so that no statement escapes by never being reached here; and a busy host
//! at its most talkative is listened to, because a library may log as well. Everything that clients can choose carries a
//! word that occurs nowhere else, and that word is not in the log. The enclave has no log of its own: its lines pass
//! through the host's, as a closed set of sentences.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use source::{Statement, statements};
use strongroom_e2e::{Stage, StageOptions, request};
use strongroom_proto::name::PackageId;
use strongroom_sim::world::{HostOptions, READY, bundled_model, wait_for};

use crate::architecture::workspace::packages;
use crate::controls::{FRAUD, key, key_entry};

/// What clients put wherever they can.
const CANARY: &str = "xq7canary0zv";

/// Longest text of a field.
const MAX_TEXT: usize = 200;

/// Targets of what is logged: ours, and that of the enclave's lines.
const TARGETS: [&str; 2] = ["strongroom_host", "enclave"];

/// The crates that are linked into the enclave.
const INSIDE: &[&str] =
    &["proto", "link", "attestation", "seal", "nsm", "enclave", "controls", "monitor", "engine", "kms"];

/// What is listed of a field.
struct Listed {
    shape: String,
    reason: String,
}

fn listed() -> BTreeMap<String, Listed> {
    let table: toml::Table = include_str!("logging/fields.toml").parse().unwrap();
    let text = |field: &toml::Value, name: &str| field[name].as_str().unwrap().to_owned();
    let listed = |(name, field): (String, toml::Value)| {
        (name, Listed { shape: text(&field, "shape"), reason: text(&field, "reason") })
    };
    table.into_iter().map(listed).collect()
}

#[test]
fn the_sources_log_listed_fields_alone() {
    let listed = listed();
    let mut used: BTreeSet<String> = ["message".to_owned()].into();
    for Statement { place, fields, message, target } in statements("host") {
        for field in fields {
            assert!(listed.contains_key(&field), "{place} logs the field {field}, which is not listed");
            used.insert(field);
        }
        // What is put together at run time is a line of the enclave or of a program that the operator configured.
        let assembled = message.contains('{');
        let known = target.as_deref() == Some("enclave") || place.starts_with("host/src/supervise/output.rs");
        assert!(!assembled || known, "{place} logs the sentence {message:?}");
    }
    assert_eq!(used, listed.keys().cloned().collect(), "fields that nothing logs");
    assert!(listed.values().all(|field| field.reason.len() > 20));
}

#[test]
fn nothing_that_is_linked_into_the_enclave_logs() {
    for name in INSIDE {
        let logged = statements(name);
        assert!(logged.is_empty(), "{} logs", logged[0].place);
        let package = packages().iter().find(|package| package.name == format!("strongroom-{name}")).unwrap();
        let uses = package.dependencies.iter().any(|each| ["tracing", "log"].contains(&each.name.as_str()));
        assert!(!uses, "{name} depends on a logger");
    }
}

/// A host that is asked everything it can be asked, wrongly too.
#[tokio::test]
async fn a_busy_host_logs_nothing_but_what_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("host.log");
    let host = HostOptions {
        arguments: ["--log-level=debug", "--log-format=json"].map(str::to_owned).to_vec(),
        log: Some(log.clone()),
        ..HostOptions::default()
    };
    let policy = "audit_key = \"AUDIT\"\n".to_owned() + FRAUD + &key_entry(1, "");
    let options = StageOptions { host, policy: Some(policy.clone()), ..StageOptions::default() };
    let mut stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    assert_eq!(stage.infer().await.unwrap().code, 0);
    ask_wrongly(&stage).await;
    write_rubbish(stage.host.address());
    stage.restart_enclave().await.unwrap();
    stage.swap(2, &policy, vec![bundled_model().unwrap()]).await.unwrap();
    // A release that is none, with the word inside.
    std::fs::write(stage.ground.layout.store().join("release.bundle"), CANARY.repeat(100)).unwrap();
    let refused = async || std::fs::read_to_string(&log).unwrap().contains("release refused");
    assert!(wait_for(READY, refused).await, "the release that is none is not told of");
    let text = std::fs::read_to_string(&log).unwrap();
    let said = judge(&text);
    println!("{} lines, {} sentences", text.lines().count(), said.len());
    assert!(said.len() >= 10, "only {said:?}");
}

/// Requests that carry the word in everything that a client chooses, and are refused one way or another.
async fn ask_wrongly(stage: &Stage) {
    let client = stage.client().unwrap().with_key(key(1));
    let word = CANARY.as_bytes().repeat(20);
    for path in ["/v1/message", "/v1/hello", &format!("/v1/{CANARY}?{CANARY}={CANARY}")] {
        client.post(path, word.clone()).await;
    }
    let opened = client.open(client.verify().await.unwrap(), &word).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 200);
    assert_eq!(client.send(&opened.message).await.status, 421, "an opening opens once");
    let (mut message, _) = opened.session.seal(&request(1)).unwrap();
    *message.last_mut().unwrap() ^= 1;
    assert_eq!(client.send(&message).await.status, 400);
    let key = format!("--api-key={CANARY}");
    assert_ne!(stage.command("infer", &[key, "--model=fraud".to_owned()]).await.unwrap().code, 0);
}

/// Bytes that are no HTTP, heads that are too long, bodies that end early.
fn write_rubbish(host: SocketAddr) {
    let rubbish = [
        format!("{CANARY}\r\n\r\n"),
        format!(
            "GET /{CANARY} HTTP/1.1\r\nhost: {CANARY}\r\ncookie: {CANARY}\r\nauthorization: {CANARY}\r\n\r\n"
        ),
        format!("POST /v1/message HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{CANARY}"),
        format!("POST /v1/hello HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{CANARY}\r\n"),
        format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", CANARY.repeat(20_000)),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{}", CANARY.repeat(20)),
    ];
    for bytes in rubbish {
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        // A host that hangs up before all of it is written has refused it.
        let _ = stream.write_all(bytes.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// Judges every line, and returns the different sentences.
fn judge(log: &str) -> BTreeSet<String> {
    let listed = listed();
    let sentences: BTreeSet<String> = statements("host").into_iter().map(|each| each.message).collect();
    let mut said = BTreeSet::new();
    for line in log.lines() {
        assert!(!line.contains(CANARY), "a client's word is logged: {line}");
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let parts: BTreeSet<&str> = parsed.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(parts, BTreeSet::from(["fields", "level", "target", "timestamp"]), "{line}");
        let target = parsed["target"].as_str().unwrap();
        assert!(
            TARGETS.iter().any(|known| target == *known || target.starts_with(&format!("{known}::"))),
            "{line}"
        );
        for (name, value) in parsed["fields"].as_object().unwrap() {
            let Some(field) = listed.get(name) else { panic!("the field {name} is not listed: {line}") };
            let fits = match field.shape.as_str() {
                "message" if target == "enclave" => value.as_str().is_some_and(is_of_the_enclave),
                "message" => value.as_str().is_some_and(|message| sentences.contains(message)),
                shape => has_shape(shape, value),
            };
            assert!(fits, "{name} is no {}: {line}", field.shape);
        }
        said.insert(format!("{target}: {}", parsed["fields"]["message"].as_str().unwrap()));
    }
    said
}

fn has_shape(shape: &str, value: &Value) -> bool {
    let text = value.as_str();
    match shape {
        "number" => value.is_u64() || text.is_some_and(|text| text.parse::<u64>().is_ok()),
        "flag" => value.is_boolean(),
        "word" => text.is_some_and(is_word),
        "digest" => text.is_some_and(is_digest),
        "address" => text.is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
        "package" => text.is_some_and(|text| text.parse::<PackageId>().is_ok()),
        "text" => text.is_some_and(is_text),
        other => panic!("the shape {other} is not known"),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
}

fn is_digest(text: &str) -> bool {
    text.len() >= 32 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// Whether a line is one of the enclave's seven kinds.
fn is_of_the_enclave(line: &str) -> bool {
    let after = |start: &str| line.strip_prefix(start);
    let states = [
        "no state of an earlier boot: counters begin anew",
        "counters go on where an earlier boot left off",
        "the state of an earlier boot cannot be read: counters begin anew",
        "a panic was contained",
    ];
    let clocks = ["tsc", "kvm-clock", "hpet", "another clock", "other"];
    states.contains(&line)
        || after("measured charter ").is_some_and(is_digest)
        || after("time is that of the NSM, carried on by ").is_some_and(|clock| clocks.contains(&clock))
        || after("loaded ").is_some_and(|id| id.parse::<PackageId>().is_ok())
        || after("serving release epoch ").is_some_and(|epoch| epoch.parse::<u64>().is_ok())
        || after("release refused: ").is_some_and(is_text)
}

/// A rule that everything passes would be none.
#[test]
fn what_is_not_listed_would_be_noticed() {
    let line = |target: &str, fields: &str| {
        format!("{{\"timestamp\":\"t\",\"level\":\"INFO\",\"fields\":{{{fields}}},\"target\":\"{target}\"}}")
    };
    let good = line("strongroom_host", "\"message\":\"draining\"");
    assert_eq!(judge(&good).len(), 1);
    for bad in [
        line("strongroom_host", "\"message\":\"draining\",\"path\":\"/v1/message\""),
        line("strongroom_host", "\"message\":\"a request came\""),
        line("strongroom_host", "\"message\":\"draining\",\"epoch\":\"seven\""),
        line("strongroom_host", &format!("\"message\":\"draining\",\"error\":\"{CANARY}\"")),
        line("hyper::proto", "\"message\":\"draining\""),
        line("enclave", "\"message\":\"the answer was 7\""),
        line("enclave", "\"message\":\"loaded the weights\""),
        good.replace("\"level\"", "\"span\":{},\"level\""),
        "no JSON".to_owned(),
    ] {
        assert!(std::panic::catch_unwind(|| judge(&bad)).is_err(), "passes: {bad}");
    }
}
