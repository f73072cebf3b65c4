//! Incident response: the runbook, played against a running enclave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_attestation::release::Coarseness;
use strongroom_e2e::{Stage, StageOptions};
use strongroom_link::Mux;
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use strongroom_seal::message::{Ask, Refusal, Request};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::world::{ModelSource, Output, READY, bundled_model, wait_for};
use tokio::task::JoinSet;

use super::{Caller, FRAUD, key_entry, payments, request, sha256, stage};
use crate::memory::linear_model;

/// Time from the moment a release reaches a loaded enclave until it is in force.
const EFFECT: Duration = Duration::from_secs(1);

/// Features and rows of what keeps a core busy for some tenths of a second, in a record of 4 MiB.
const WIDTH: usize = 4096;
const ROWS: usize = 250;

/// Requests that wait, at least, and for each core.
const WAITING: usize = 64;
const WAITING_FOR_A_CORE: usize = 6;

fn policy() -> String {
    "audit_key = \"AUDIT\"\n".to_owned()
        + FRAUD
        + "[role.operator]\noperations = [\"status\"]\n[organisation.acme]\n"
        + &key_entry(1, "organisation = \"acme\"")
        + &key_entry(2, "")
        + &key_entry(3, "role = \"operator\"")
}

/// A measure, delivered to the host's store and acknowledged by the enclave.
async fn measure(stage: &Stage, name: &str, arguments: &[&str]) -> Output {
    let mut all: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    all.push(format!("--url={}", stage.host.url()));
    all.push(format!("--trust={}", stage.ground.layout.trust().display()));
    let done = stage.owner.incident(name, &stage.ground.layout.store(), &all).await.unwrap();
    assert_eq!(done.code, 0, "{name}: {}{}", done.stdout, done.stderr);
    let boot = hex::encode(stage.client().unwrap().verify().await.unwrap().claims().boot.as_bytes());
    assert!(done.stdout.contains(&boot), "acknowledged by the boot {boot}: {}", done.stdout);
    done
}

/// A release that blocks a key, not delivered yet.
async fn blocking(stage: &Stage, number: u8) -> Bytes {
    let elsewhere = stage.ground.layout.owner("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let block = [format!("--key-sha256={}", sha256(number))];
    assert_eq!(stage.owner.incident("block", &elsewhere, &block).await.unwrap().code, 0);
    Bytes::from(std::fs::read(elsewhere.join("release.bundle")).unwrap())
}

/// Hands a release to the enclave as the host does, until it is in force.
async fn push(stage: &Stage, bundle: Bytes) {
    let stream = stage.sockets.endpoint("enclave").connect(EFFECT).await.unwrap();
    let reply =
        Mux::new(stream).call(Kind::Release, bundle, 10 * EFFECT).await.unwrap().into_coded().unwrap();
    assert_eq!(reply.0, Code::Ok);
}

async fn infer(stage: &Stage, number: u8) -> Result<Coarseness, Refusal> {
    let got = Caller::new(stage, number).await.infer("fraud", &payments(1)).await;
    got.outcome.map(|_| got.receipt.treatment.unwrap().coarseness())
}

#[tokio::test]
async fn the_runbook_plays() {
    let stage = stage(policy()).await;
    assert_eq!(infer(&stage, 1).await, Ok(Coarseness::Exact));
    // Containment, from the narrowest measure to the widest.
    measure(&stage, "block", &[&format!("--key-sha256={}", sha256(1))]).await;
    assert_eq!(infer(&stage, 1).await, Err(Refusal::Key));
    assert_eq!(infer(&stage, 2).await, Ok(Coarseness::Exact), "others go on");
    measure(&stage, "label-only", &[]).await;
    assert_eq!(infer(&stage, 2).await, Ok(Coarseness::LabelOnly));
    measure(&stage, "freeze", &["--model=fraud", "--for=1h"]).await;
    assert!(
        matches!(infer(&stage, 2).await, Err(Refusal::Frozen { retry_after_ms: Some(ms) }) if ms <= 3_600_000)
    );
    measure(&stage, "lockdown", &[]).await;
    assert_eq!(infer(&stage, 2).await, Err(Refusal::Operation));
    let operator = Caller::new(&stage, 3).await;
    assert!(operator.ask(&Ask::Status).await.outcome.is_ok(), "the operator still sees how it does");
    // Recovery: the measures end, and old content comes back under a new epoch.
    measure(&stage, "lift", &["--all"]).await;
    assert_eq!(infer(&stage, 2).await, Ok(Coarseness::Exact));
    assert_eq!(infer(&stage, 1).await, Ok(Coarseness::Exact));
    measure(&stage, "rollback", &["--to=1"]).await;
    assert_eq!(stage.status().await.unwrap().epoch, 7);
    // Analysis: every measure is a record of the log.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (key, _) = stage.owner.audit_key().await.unwrap();
    let log = stage.ground.layout.kept().join("audit.db");
    let arguments = [
        "audit".to_owned(),
        "show".to_owned(),
        "--json".to_owned(),
        format!("--log={}", log.display()),
        format!("--key={}", key.display()),
    ];
    let shown = stage.binaries.strongroom(arguments.to_vec(), &[]).await.unwrap();
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let releases = shown.stdout.lines().filter(|line| line.contains("\"event\":\"release\"")).count();
    assert_eq!(releases, 7, "{}", shown.stdout);
}

#[tokio::test]
async fn a_measure_that_missed_a_store_is_delivered_again_under_its_epoch() {
    let stage = stage(policy()).await;
    measure(&stage, "lockdown", &[]).await;
    let (full, other) = (stage.ground.layout.owner("full"), stage.ground.layout.owner("other"));
    // A folder stands where the bundle belongs.
    std::fs::create_dir_all(full.join("release.bundle")).unwrap();
    std::fs::create_dir(&other).unwrap();
    let lift = ["--all".to_owned(), format!("--store={}", other.display())];
    let failed = stage.owner.incident("lift", &full, &lift).await.unwrap();
    assert!(failed.code == 1 && failed.stderr.contains("incident deliver"), "{}", failed.stderr);
    let made = std::fs::read(other.join("release.bundle")).expect("the other store has it");
    std::fs::remove_dir(full.join("release.bundle")).unwrap();
    let again = stage.owner.incident("deliver", &full, &[]).await.unwrap();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(std::fs::read(full.join("release.bundle")).unwrap() == made, "as it was made");
    measure(&stage, "deliver", &[]).await;
    assert_eq!((infer(&stage, 2).await, stage.status().await.unwrap().epoch), (Ok(Coarseness::Exact), 3));
}

/// From the moment the release reaches the enclave: the blocked key is refused within a second.
#[tokio::test]
async fn a_measure_takes_effect_within_a_second_of_reaching_the_enclave() {
    let stage = stage(policy()).await;
    let blocked = Caller::new(&stage, 1).await;
    let bundle = blocking(&stage, 1).await;
    let start = Instant::now();
    push(&stage, bundle).await;
    let (message, _) = blocked.session.seal(&Ask::Status.encode().unwrap()).unwrap();
    assert_eq!(blocked.client.send(&message).await.status, 421, "sessions end");
    let took = start.elapsed();
    println!("a release took effect {} ms after it reached the enclave", took.as_millis());
    assert!(took < EFFECT, "{took:?}");
    assert_eq!(infer(&stage, 1).await, Err(Refusal::Key));
}

/// Of what a key has waiting when it is blocked, nothing is answered but what runs already.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_a_measure_comes_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("wide.onnx");
    std::fs::write(&onnx, linear_model(WIDTH)).unwrap();
    let wide = ModelSource { id: "wide@1".parse().unwrap(), onnx, arguments: vec![] };
    let models = Some(vec![bundled_model().unwrap(), wide]);
    let options = StageOptions { policy: Some(policy()), models, ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let bundle = blocking(&stage, 1).await;
    let Caller { client, session } = Caller::new(&stage, 1).await;
    let client = Arc::new(client);
    let cores = std::thread::available_parallelism().unwrap().get();
    let waiting = WAITING.max(cores * WAITING_FOR_A_CORE);
    let shape = vec![ROWS as u64, WIDTH as u64];
    let data = vec![0; ROWS * WIDTH * 4].into();
    let input = Tensor { name: "x".into(), dtype: DType::Fp32, shape, data };
    let ask = Ask::Infer(Request { inputs: vec![input], ..request("wide", &[]) }).encode().unwrap();
    // All are sealed before any is sent: sealing takes as long as a run.
    let messages: Vec<_> = (0..waiting).map(|_| session.seal(&ask).unwrap().0).collect();
    let send = |message: Vec<u8>| {
        let client = Arc::clone(&client);
        async move { client.send(&message).await.status }
    };
    let answers: JoinSet<u16> = messages.into_iter().map(send).collect();
    let begun = async || stage.status().await.is_some_and(|status| status.answered > 1);
    assert!(wait_for(READY, begun).await, "none of them was answered");
    push(&stage, bundle).await;
    let statuses = answers.join_all().await;
    let answered = statuses.iter().filter(|status| **status == 200).count();
    println!("{answered} of {waiting} answered");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 421)), "{statuses:?}");
    assert!(answered < waiting, "all of them were answered");
    assert_eq!(infer(&stage, 1).await, Err(Refusal::Key));
}

#[tokio::test]
async fn an_organisation_is_frozen_and_thaws_by_itself() {
    let stage = stage(policy()).await;
    measure(&stage, "freeze", &["--organisation=acme", "--for=12s"]).await;
    let frozen = infer(&stage, 1).await;
    assert!(matches!(frozen, Err(Refusal::Frozen { .. })), "{frozen:?}");
    assert_eq!(infer(&stage, 2).await, Ok(Coarseness::Exact));
    let thawed = async || infer(&stage, 1).await == Ok(Coarseness::Exact);
    assert!(wait_for(READY, thawed).await, "by itself, without another release");
}
