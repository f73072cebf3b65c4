//! The main job: a verified client gets the plain model's answers.

use std::process::Stdio;
use std::sync::Arc;

use strongroom_e2e::{Opened, RawClient, Stage, StageOptions, outcome, request};
use strongroom_proto::limits::MAX_OPENING_BYTES;
use strongroom_seal::message::{Outcome, Refusal};
use strongroom_sim::world::{ModelSource, READY, bundled_model};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_verified_client_gets_an_answer_in_two_round_trips() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let request = request(3);
    let opened = client.open(client.verify().await.unwrap(), &request).unwrap();
    let reply = client.send(&opened.message).await;
    let outcome = outcome(&opened.session, &opened.pending, &reply).expect("an answer with a good receipt");
    let Ok(Outcome::Answer(answer)) = Outcome::decode(&outcome) else { panic!("not an answer") };
    assert_eq!(answer.model.as_str(), "fraud");
    let label = answer.outputs.iter().find(|output| output.name == "label").unwrap();
    assert_eq!((label.shape.as_slice(), label.data.len()), ([3].as_slice(), 24));
}

#[tokio::test]
async fn the_shipped_command_prints_an_open_inference_response_alone() {
    let stage = Stage::serving().await.unwrap();
    let output = stage.infer().await.unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let response: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON alone on stdout");
    assert_eq!(response["model_name"], "fraud");
    assert_eq!(response["id"], "four-payments");
    assert_eq!(response["outputs"][0]["shape"][0], 4);
    assert!(output.stderr.contains("SIMULATION"), "{}", output.stderr);
}

/// Each answer is read before the next line is written: none waits in a buffer.
#[tokio::test]
async fn the_shipped_command_answers_lines_in_order_and_goes_on_after_a_refusal() {
    let stage = Stage::serving().await.unwrap();
    let mut command = tokio::process::Command::new(stage.binaries.path("strongroom"));
    command
        .args(["infer", "--lines", "--receipts", "--model=fraud"])
        .arg(format!("--url={}", stage.host.url()))
        .arg(format!("--trust={}", stage.ground.layout.trust().display()))
        .arg(format!("--api-key=@{}", stage.ground.layout.api_key().display()))
        .env("XDG_STATE_HOME", stage.ground.layout.owner("client-state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = async |line: &str| -> serde_json::Value {
        stdin.write_all(line.as_bytes()).await.unwrap();
        stdin.write_all(b"\n").await.unwrap();
        serde_json::from_str(&answers.next_line().await.unwrap().unwrap()).unwrap()
    };
    let row = |id: &str, name: &str| {
        let input =
            serde_json::json!({ "name": name, "datatype": "FP32", "shape": [1, 30], "data": vec![0.0; 30] });
        serde_json::json!({ "id": id, "inputs": [input] }).to_string()
    };
    for number in 1..=3 {
        let answer = ask(&row("first", "X")).await;
        assert_eq!((&answer["model_name"], &answer["id"]), (&"fraud".into(), &"first".into()));
        assert_eq!(answer["outputs"][0]["shape"][0], 1);
        assert_eq!(answer["receipt"]["treatment"]["detail"], "full");
        let refused = ask(&row("second", "Y")).await;
        assert_eq!((&refused["class"], &refused["id"]), (&"refused".into(), &"second".into()));
        assert!(refused["error"].as_str().unwrap().starts_with("refused by the enclave"), "{refused}");
        assert_eq!(ask("no request").await["class"], "request");
        // Refusals have receipts and numbers, too; what was no request reached nobody.
        assert_eq!(answer["receipt"]["index"], 2 * number - 1, "all in one run of numbers");
    }
    drop(stdin);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_transcript_passes_every_check_and_skips_only_what_was_waived() {
    let stage = Stage::serving().await.unwrap();
    let output = stage.command("verify", &["--json".to_owned()]).await.unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let skipped: Vec<_> = checks.iter().filter(|c| c["status"] == "SKIP").map(|c| c["id"].clone()).collect();
    assert_eq!(skipped, ["models", "controls"]);
    let passed = checks.iter().filter(|c| c["status"] == "PASS").count();
    assert_eq!(passed + skipped.len(), checks.len());
    assert_eq!(checks.len(), 18);
}

#[tokio::test]
async fn to_the_host_a_refused_api_key_looks_like_an_accepted_one() {
    let stage = Stage::serving().await.unwrap();
    let good = stage.client().unwrap();
    let opened = good.open(good.verify().await.unwrap(), &request(1)).unwrap();
    let ordinary = good.send(&opened.message).await;
    let bad = stage.client().unwrap().with_key([7; 32]);
    let opened = bad.open(bad.verify().await.unwrap(), &request(1)).unwrap();
    let reply = bad.send(&opened.message).await;
    assert_eq!((reply.status, reply.body.len()), (200, ordinary.body.len()));
    let refused = outcome(&opened.session, &opened.pending, &reply).unwrap();
    assert!(Outcome::decode(&refused).unwrap() == Outcome::Refused(Refusal::Key));
    let (message, pending) = opened.session.seal(&request(1)).unwrap();
    let reply = bad.send(&message).await;
    assert_eq!((reply.status, reply.body.len()), (200, ordinary.body.len()));
    let refused = outcome(&opened.session, &pending, &reply).unwrap();
    assert!(Outcome::decode(&refused).unwrap() == Outcome::Refused(Refusal::Key), "and never anything else");
    let mut junk = message;
    *junk.last_mut().unwrap() ^= 1;
    assert_eq!(bad.send(&junk).await.status, 400, "as in any session");
}

/// With places of their own, a host could fill those of refused keys and see whose session is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_of_a_refused_key_stay_as_long_as_those_of_an_accepted_one() {
    let stage = Stage::serving().await.unwrap();
    let (good, bad) = (stage.client().unwrap(), Arc::new(stage.client().unwrap().with_key([7; 32])));
    let (accepted, refused) = (opened(&good).await, opened(&bad).await);
    let mut others = JoinSet::new();
    for _ in 0..4 {
        let bad = Arc::clone(&bad);
        others.spawn(async move {
            for _ in 0..300 {
                opened(&bad).await;
            }
        });
    }
    others.join_all().await;
    for (client, opened) in [(&good, accepted), (bad.as_ref(), refused)] {
        let (message, _) = opened.session.seal(&request(1)).unwrap();
        assert_eq!(client.send(&message).await.status, 200);
    }
}

/// Opens a session, and has its first request answered.
async fn opened(client: &RawClient) -> Opened {
    let opened = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 200);
    opened
}

/// Two models whose answers differ in size: a refusal has the size of the one that was named.
#[tokio::test]
async fn a_refused_api_key_gets_the_size_of_the_model_that_it_names() {
    let wider = ModelSource {
        id: "wider@1".parse().unwrap(),
        arguments: vec!["--answer-bytes=65536".to_owned()],
        ..bundled_model().unwrap()
    };
    let models = Some(vec![bundled_model().unwrap(), wider]);
    let stage = Stage::set(StageOptions { models, ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let size = async |client: RawClient, model: &[u8; 5]| {
        let mut request = request(1);
        let at = request.windows(5).position(|window| window == b"fraud").unwrap();
        request[at..at + 5].copy_from_slice(model);
        let opened = client.open(client.verify().await.unwrap(), &request).unwrap();
        let reply = client.send(&opened.message).await;
        assert!(outcome(&opened.session, &opened.pending, &reply).is_some());
        reply.body.len()
    };
    let accepted = || stage.client().unwrap();
    let refused = || stage.client().unwrap().with_key([7; 32]);
    let (fraud, wider) = (size(accepted(), b"fraud").await, size(accepted(), b"wider").await);
    assert!(wider > fraud, "{wider} and {fraud}");
    assert_eq!(size(refused(), b"fraud").await, fraud);
    assert_eq!(size(refused(), b"wider").await, wider);
}

#[tokio::test]
async fn refusals_have_the_size_of_answers_and_name_only_declared_things() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let ask = async |request: &[u8]| {
        let (message, pending) = session.seal(request).unwrap();
        let reply = client.send(&message).await;
        (reply.body.len(), outcome(&session, &pending, &reply).unwrap())
    };
    let (ordinary, answer) = ask(&request(1)).await;
    assert!(matches!(Outcome::decode(&answer), Ok(Outcome::Answer(_))));
    let (size, refused) = ask(b"not a request").await;
    assert!(Outcome::decode(&refused).unwrap() == Outcome::Refused(Refusal::Malformed));
    assert_eq!(size, ordinary);
    let mut wrong = request(1);
    let at = wrong.windows(5).position(|window| window == b"fraud").unwrap();
    wrong[at] = b'x';
    let (size, refused) = ask(&wrong).await;
    assert!(Outcome::decode(&refused).unwrap() == Outcome::Refused(Refusal::Model));
    assert_eq!(size, ordinary);
    let mut wrong = request(1);
    let at = wrong.windows(4).position(|window| window == b"FP32").unwrap();
    wrong[at + 2..at + 4].copy_from_slice(b"64");
    let (size, refused) = ask(&wrong).await;
    let expected = Refusal::Input("input 'X' must be FP32".into());
    assert!(Outcome::decode(&refused).unwrap() == Outcome::Refused(expected));
    assert_eq!(size, ordinary);
}

#[tokio::test]
async fn a_retry_of_a_served_request_gets_the_same_answer_even_in_a_new_session() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let request = request(2);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let session = client.session().await.unwrap();
        let (message, pending) = session.seal(&request).unwrap();
        let reply = client.send(&message).await;
        answers.push(outcome(&session, &pending, &reply).unwrap());
    }
    assert!(answers[0] == answers[1]);
}

#[tokio::test]
async fn what_is_too_large_before_authentication_is_refused_in_clear() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let rows = MAX_OPENING_BYTES / (30 * 4) + 1;
    let opened = client.open(client.verify().await.unwrap(), &request(rows)).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 413);
    let session = client.session().await.unwrap();
    let (message, pending) = session.seal(&request(4096)).unwrap();
    let reply = client.send(&message).await;
    assert!(outcome(&session, &pending, &reply).is_some(), "the same size is fine in a session");
}
