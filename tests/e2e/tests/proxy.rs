//! `strongroom proxy` in front of a simulation, asked over plain HTTP as an application would.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail with the test")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_proto::frame::Kind;
use strongroom_sim::intercept::{Meddle, Passing};
use strongroom_sim::world::{READY, bundled_model, wait_for};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Requests that are asked at the same time.
const AT_ONCE: u16 = 200;

/// Time within which a proxy has to find an enclave that is back.
const RECOVERY: Duration = Duration::from_secs(30);

/// A running proxy and a client of it.
struct Proxy {
    url: String,
    http: Client<HttpConnector, Full<Bytes>>,
    _process: Child,
}

impl Proxy {
    async fn before(stage: &Stage, arguments: &[&str]) -> Self {
        let mut process = Command::new(stage.binaries.path("strongroom"))
            .args(["proxy", "--listen=127.0.0.1:0"])
            .arg(format!("--url={}", stage.host.url()))
            .arg(format!("--trust={}", stage.ground.layout.trust().display()))
            .arg(format!("--api-key=@{}", stage.ground.layout.api_key().display()))
            .args(arguments)
            .env("XDG_STATE_HOME", stage.ground.layout.owner("proxy-state"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.as_mut().unwrap();
        tokio::time::timeout(READY, BufReader::new(stdout).read_line(&mut line)).await.unwrap().unwrap();
        let url = line.trim().strip_prefix("ready ").unwrap().to_owned();
        Self { url, http: Client::builder(TokioExecutor::new()).build_http(), _process: process }
    }

    /// The status, and the body as JSON.
    async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let response = self.http.request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, Vec::new()).await
    }

    async fn infer(&self, seed: u16) -> (u16, Value) {
        self.send("POST", "/v2/models/fraud/infer", body(seed)).await
    }

    async fn is_ready(&self) -> bool {
        self.get("/v2/health/ready").await == (200, json!({ "ready": true, "live": true }))
    }
}

/// A request whose first feature is `seed`, so that every one is another.
fn body(seed: u16) -> Vec<u8> {
    let mut row = vec![0.0; 30];
    row[0] = f64::from(seed) * 7.0;
    let input = json!({ "name": "X", "datatype": "FP32", "shape": [1, 30], "data": row });
    json!({ "id": seed.to_string(), "inputs": [input] }).to_string().into_bytes()
}

/// What an answer says, without what differs from one request to the next.
fn outputs(answer: &Value) -> Value {
    answer["outputs"].clone()
}

#[tokio::test]
async fn a_proxy_answers_what_the_command_answers() {
    let stage = Stage::serving().await.unwrap();
    let proxy = Proxy::before(&stage, &[]).await;
    let request =
        std::fs::read(strongroom_sim::world::bundled_folder().unwrap().join("request.json")).unwrap();
    let (status, answer) = proxy.send("POST", "/v2/models/fraud/infer", request).await;
    let by_command: Value = serde_json::from_str(&stage.infer().await.unwrap().stdout).unwrap();
    assert_eq!((status, outputs(&answer)), (200, outputs(&by_command)));
    let (_, described) = proxy.get("/v2/models/fraud").await;
    assert_eq!(described["inputs"], json!([{ "name": "X", "datatype": "FP32", "shape": [-1, 30] }]));
    assert!(proxy.is_ready().await);
}

#[tokio::test]
async fn two_hundred_at_once_neither_fail_nor_mix() {
    let stage = Stage::serving().await.unwrap();
    let proxy = Arc::new(Proxy::before(&stage, &[]).await);
    let mut alone = BTreeMap::new();
    for seed in (0..AT_ONCE).step_by(10) {
        alone.insert(seed, outputs(&proxy.infer(seed).await.1));
    }
    let asked = (0..AT_ONCE).map(|seed| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { (seed, proxy.infer(seed).await) })
    });
    let asked: Vec<_> = asked.collect();
    for answer in asked {
        let (seed, (status, answer)) = answer.await.unwrap();
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["id"], json!(seed.to_string()));
        if let Some(expected) = alone.get(&seed) {
            assert_eq!(outputs(&answer), *expected, "request {seed}");
        }
    }
}

/// Whoever was answered was answered rightly; whoever was not was told so; and the proxy finds the new enclave itself.
#[tokio::test]
async fn a_killed_enclave_costs_no_answer_and_is_found_again() {
    let mut stage = Stage::serving().await.unwrap();
    let proxy = Arc::new(Proxy::before(&stage, &[]).await);
    let expected = Arc::new([outputs(&proxy.infer(1).await.1), outputs(&proxy.infer(2).await.1)]);
    let workers: Vec<_> = (0..8_u16)
        .map(|worker| {
            let (proxy, expected) = (Arc::clone(&proxy), Arc::clone(&expected));
            tokio::spawn(async move {
                let mut answered = 0;
                for turn in 0..40 {
                    let which = usize::from((worker + turn) % 2);
                    let (status, answer) = proxy.infer(1 + (worker + turn) % 2).await;
                    match status {
                        200 => assert_eq!(outputs(&answer), expected[which]),
                        503 => assert!(answer["error"].is_string(), "{answer}"),
                        other => panic!("{other}: {answer}"),
                    }
                    answered += u16::from(status == 200);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                answered
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.restart_enclave().await.unwrap();
    assert!(wait_for(RECOVERY, async || proxy.is_ready().await).await, "the proxy recovers by itself");
    let mut answered = 0;
    for worker in workers {
        answered += worker.await.unwrap();
    }
    assert!(answered > 100, "{answered} of 320 were answered");
    assert_eq!(outputs(&proxy.infer(1).await.1), expected[0]);
}

/// Kind and session of a message; of an opening, the offer that becomes its session.
const HEAD_BYTES: usize = 17;

/// Notes the head of each message that reaches the enclave.
fn noting() -> (Meddle, Arc<Mutex<Vec<Vec<u8>>>>) {
    let heads: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let noted = Arc::clone(&heads);
    let meddle: Meddle = Arc::new(move |passing: Passing<'_>| {
        if passing.inbound && passing.kind == Kind::Message {
            noted.lock().unwrap().push(passing.body[..HEAD_BYTES].to_vec());
        }
    });
    (meddle, heads)
}

/// Has clients of this stage demand exactly the controls that are in force.
async fn pin_controls(stage: &Stage) {
    let verified = stage.client().unwrap().verify().await.unwrap();
    let text = std::fs::read_to_string(stage.ground.layout.trust()).unwrap();
    let waiver = "owner_decides_controls = true\n";
    assert!(text.contains(waiver));
    let demand = format!("\n[controls]\ndigest = \"{}\"\n", verified.claims().controls);
    std::fs::write(stage.ground.layout.trust(), text.replace(waiver, "") + &demand).unwrap();
}

/// A release that the trust file accepts is asked without a word; one whose controls it does not accept gets neither the API
/// key nor a request.
#[tokio::test]
async fn a_new_release_is_verified_before_it_is_asked() {
    let (meddle, heads) = noting();
    let stage = Stage::set(StageOptions { meddle: Some(meddle), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let key = std::fs::read_to_string(stage.ground.layout.api_key()).unwrap();
    let key = URL_SAFE_NO_PAD.decode(key.trim().strip_prefix("sr_").unwrap()).unwrap();
    let policy = format!("[[key]]\nsha256 = \"{}\"\n", hex::encode(digest(&SHA256, &key)));
    let swap = async |epoch, policy: &str| {
        stage.swap(epoch, policy, vec![bundled_model().unwrap()]).await.unwrap();
    };
    swap(2, &policy).await;
    pin_controls(&stage).await;
    let proxy = Proxy::before(&stage, &[]).await;
    assert_eq!(proxy.infer(1).await.0, 200);
    swap(3, &policy).await;
    assert_eq!(proxy.infer(1).await.0, 200, "the session that the swap ended was opened anew");

    swap(4, &format!("answer_quantum_ms = 5\n{policy}")).await;
    let noted = || heads.lock().unwrap().clone();
    let before = noted();
    let (status, answer) = proxy.infer(1).await;
    assert_eq!((status, answer["error"].as_str()), (503, Some("the controls are not the ones demanded")));
    assert_eq!(
        noted()[before.len()..],
        before[before.len() - 1..],
        "sealed for the session that the swap ended"
    );
    for seed in 2..5 {
        assert_eq!(proxy.infer(seed).await.0, 503);
    }
    assert!(wait_for(RECOVERY, async || !proxy.is_ready().await).await, "and the proxy says so");
    assert_eq!(noted().len(), before.len() + 1, "nothing is sent any more");
}

#[tokio::test]
async fn what_is_not_verified_is_not_served() {
    let stage = Stage::serving().await.unwrap();
    let trust = std::fs::read_to_string(stage.ground.layout.trust()).unwrap();
    let start = trust.find("pcr0 = \"").unwrap() + "pcr0 = \"".len();
    let mut wrong = trust;
    wrong.replace_range(start..start + 96, &"ab".repeat(48));
    let path = stage.ground.layout.owner("wrong.toml");
    std::fs::write(&path, wrong).unwrap();
    let arguments = vec![
        "proxy".to_owned(),
        "--listen=127.0.0.1:0".to_owned(),
        format!("--url={}", stage.host.url()),
        format!("--trust={}", path.display()),
        format!("--api-key=@{}", stage.ground.layout.api_key().display()),
    ];
    let output = stage.binaries.strongroom(arguments, &[]).await.unwrap();
    assert_eq!(output.code, 11, "{}", output.stderr);
    assert!(output.stdout.is_empty(), "nothing was listened on");
}
