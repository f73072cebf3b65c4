//! Loading a sealed model takes little more memory than loading the plain file, and serving large tensors no more
//! than four times their size in any process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers of tests fail with the test, and measurements are shown"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use strongroom_client::InferRequest;
use strongroom_e2e::onnx::{FLOAT, Message, model, row};
use strongroom_e2e::{Stage, StageOptions, random};
use strongroom_link::frames::write_frame;
use strongroom_proto::frame::Kind;
use strongroom_seal::message::{Ask, Request, RequestId};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::world::{ModelSource, READY, ReleasePlan, bundled_model, wait_for};
use tokio::net::UnixStream;

use crate::load::{self, client};

/// Rows and columns of the model's one square matrix: 64 MiB of weights.
const WIDTH: usize = 4096;

/// What an enclave may need beyond the engine, in hundredths of the weights.
const ALLOWED_PERCENT: u64 = 30;

/// What the enclave's process needs beside its engine: threads, sessions, TLS, the simulated NSM. Its
/// reading of its own executable is over before a model is loaded, and so does not count on top.
const PROCESS_KIB: u64 = 8 * 1024;

#[tokio::test]
async fn a_sealed_model_loads_within_the_engines_own_peak_and_a_third_of_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.onnx");
    std::fs::write(&file, linear_model(WIDTH)).unwrap();
    let weights = u64::try_from(WIDTH * WIDTH * 4 / 1024).unwrap();

    let plain = plain_peak_kib(&file);
    let sealed =
        serving_peak_kib(ModelSource { id: "large@1".parse().unwrap(), onnx: file, arguments: vec![] });
    let sealed = sealed.await;
    let allowed = plain + weights * ALLOWED_PERCENT / 100 + PROCESS_KIB;
    eprintln!(
        "peak memory for {weights} KiB of weights: the engine on the plain file {plain} KiB, an enclave on \
         the sealed one {sealed} KiB, allowed {allowed} KiB"
    );
    assert!(plain > weights, "the plain load did not hold the weights");
    assert!(sealed > weights, "the enclave did not hold the weights");
    assert!(sealed <= allowed, "loading took {sealed} KiB, {allowed} KiB are allowed");
}

fn plain_peak_kib(file: &Path) -> u64 {
    let output =
        Command::new(env!("CARGO_BIN_EXE_plain-load")).arg(file).arg(WIDTH.to_string()).output().unwrap();
    assert!(output.status.success(), "plain-load: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// What a release no longer lists is gone this long after the newer one is served.
const GONE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn weights_of_an_older_release_are_gone_in_five_seconds_after_a_swap() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.onnx");
    std::fs::write(&file, linear_model(WIDTH)).unwrap();
    let weights = u64::try_from(WIDTH * WIDTH * 4 / 1024).unwrap();
    let large = ModelSource { id: "large@1".parse().unwrap(), onnx: file, arguments: vec![] };
    let models = Some(vec![large, bundled_model().unwrap()]);
    let stage = Stage::set(StageOptions { models, ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let client = client(&stage.ground.layout, &stage.host.url());
    assert!(client.infer(load::row(0)).await.is_ok(), "a session holds on to the old release");
    let enclave = stage.enclave.id().unwrap();
    // The smaller model answers while the larger one is still loading.
    let data = vec![0; WIDTH * size_of::<f32>()].into();
    let input = Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![1, WIDTH as u64], data };
    let asked = InferRequest { model: "large".parse().unwrap(), inputs: vec![input], ..load::row(0) };
    assert!(client.infer(asked).await.is_ok(), "the larger one does not load");
    let before = status_kib(enclave, "VmRSS:");

    let plan = ReleasePlan { epoch: 2, models: vec![bundled_model().unwrap()], policy: None };
    stage.owner.release(&plan).await.unwrap();
    let swapped = async || stage.status().await.is_some_and(|status| status.epoch == 2);
    assert!(wait_for(READY, swapped).await);
    let left = async || status_kib(enclave, "VmRSS:") < before - weights * 9 / 10;
    let gone = wait_for(GONE, left).await;
    let after = status_kib(enclave, "VmRSS:");
    eprintln!("{before} KiB with weights of {weights} KiB, {after} KiB after the swap");
    assert!(gone, "{after} KiB of {before} KiB are left");
    assert!(client.infer(load::row(1)).await.is_ok(), "the newer release answers");
}

/// MiB of a large tensor.
const TENSOR_MIB: usize = 64;

/// What a process may take for it above what it had before: its padded record has twice its size already.
const TIMES: usize = 4;

#[tokio::test]
async fn tensors_of_64_mib_work_within_four_times_their_size_in_each_process() {
    let folder = tempfile::tempdir().unwrap();
    let elements = TENSOR_MIB * 1024 * 1024 / size_of::<f32>();
    let model = |id: &str, operator, answered| {
        let onnx = folder.path().join(operator);
        std::fs::write(&onnx, one_node_model(operator, elements, answered)).unwrap();
        ModelSource { id: id.parse().unwrap(), onnx, arguments: vec![] }
    };
    let models = vec![model("largest@1", "ReduceMax", 1), model("negative@1", "Neg", elements)];
    let stage = Stage::set(StageOptions { models: Some(models), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    // A process keeps its highest peak: enclave and host are measured over both calls.
    let (enclave, host) = (stage.enclave.id().unwrap(), stage.host.id().unwrap());
    let (idle_enclave, idle_host) = (status_kib(enclave, "VmRSS:"), status_kib(host, "VmRSS:"));
    let small = large_call(&stage, "largest").await;
    assert_eq!(small.answered, size_of::<f32>());
    let large = large_call(&stage, "negative").await;
    assert_eq!(large.answered, TENSOR_MIB * 1024 * 1024);
    let above = [
        ("enclave", status_kib(enclave, "VmHWM:") - idle_enclave),
        ("host", status_kib(host, "VmHWM:") - idle_host),
        ("client, small answer", small.above_idle_kib),
        ("client, large answer", large.above_idle_kib),
    ];
    eprintln!("KiB above idle for a tensor of {} KiB: {above:?}", TENSOR_MIB * 1024);
    let allowed = u64::try_from(TIMES * TENSOR_MIB * 1024).unwrap();
    for (process, kib) in above {
        assert!(kib >= allowed / 4, "{process}: the tensor was not there");
        assert!(kib <= allowed, "{process}: {kib} KiB, {allowed} KiB are allowed");
    }
}

/// What a client in a process of its own took, and the bytes of its answer.
struct LargeCall {
    above_idle_kib: u64,
    answered: usize,
}

async fn large_call(stage: &Stage, model: &str) -> LargeCall {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_large-call"))
        .arg(stage.host.url())
        .args([stage.ground.layout.trust(), stage.ground.layout.api_key()])
        .args([model, &TENSOR_MIB.to_string()])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "large-call: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap());
    let [idle, peak, answered] = std::array::from_fn(|_| numbers.next().unwrap());
    LargeCall { above_idle_kib: peak - idle, answered: usize::try_from(answered).unwrap() }
}

/// Numbers of an answer of 16 MiB, whose record has twice that.
const WIDE: usize = 4 * 1024 * 1024;

/// Requests whose answers nobody takes: 2 GiB, were each of them made.
const UNTAKEN: u64 = 64;

/// KiB of answers that an enclave holds (`MAX_ANSWER_KIB`), and what making one takes on top.
const ANSWERS_KIB: u64 = (512 + 96) * 1024;

/// A client without a key asks for much, over a host that takes no answer.
#[tokio::test]
async fn answers_that_nobody_takes_stay_within_their_memory() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("wide.onnx");
    std::fs::write(&onnx, wide_model()).unwrap();
    let wide = ModelSource { id: "wide@1".parse().unwrap(), onnx, arguments: vec![] };
    let models = Some(vec![wide, bundled_model().unwrap()]);
    let stage = Stage::set(StageOptions { models, ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let honest = client(&stage.ground.layout, &stage.host.url());
    assert!(honest.infer(load::row(0)).await.is_ok());
    let enclave = stage.enclave.id().unwrap();
    let idle = status_kib(enclave, "VmRSS:");

    let stranger = stage.client().unwrap().with_key(random());
    let opened = stranger.open(stranger.verify().await.unwrap(), &[]).unwrap();
    assert_eq!(stranger.send(&opened.message).await.status, 200, "a refused key has a session, too");
    let mut link = UnixStream::connect(stage.sockets.path().join("enclave")).await.unwrap();
    for id in 1..=u32::try_from(UNTAKEN).unwrap() {
        let (message, _) = opened.session.seal(&wide_request()).unwrap();
        write_frame(&mut link, Kind::Message, id, &[&message]).await.unwrap();
    }
    let full = async || status_kib(enclave, "VmRSS:") > idle + ANSWERS_KIB / 2;
    assert!(wait_for(READY, full).await, "no answers are held at all");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let peak = status_kib(enclave, "VmHWM:");
    eprintln!(
        "{UNTAKEN} answers of 32 MiB asked for: {} KiB above {idle} KiB, {ANSWERS_KIB} KiB are allowed",
        peak - idle
    );
    assert!(peak - idle <= ANSWERS_KIB, "{} KiB of answers", peak - idle);
    assert!(honest.infer(load::row(1)).await.is_ok(), "small answers have memory of their own");
    drop(link);
    let back = async || status_kib(enclave, "VmRSS:") < idle + ANSWERS_KIB / 8;
    assert!(wait_for(READY, back).await, "{} KiB of {idle} KiB are left", status_kib(enclave, "VmRSS:"));
}

/// The ONNX file of `y = x + b`, for one number and many.
fn wide_model() -> Vec<u8> {
    let mut graph = Message::default();
    graph.message(1, &node("Add", ["x", "b"], "y")).text(2, "wide");
    graph.message(5, &tensor("b", &[1, WIDE], 3));
    graph.message(11, &row("x", 1)).message(12, &row("y", WIDE));
    model(&graph)
}

fn wide_request() -> Vec<u8> {
    let input = Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![1, 1], data: vec![0; 4].into() };
    let request = Request {
        id: RequestId::new(random()),
        model: "wide".parse().unwrap(),
        version: None,
        inputs: vec![input],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    Ask::Infer(request).encode().unwrap()
}

/// Peak of an enclave that has loaded this model and served nothing.
async fn serving_peak_kib(model: ModelSource) -> u64 {
    let options = StageOptions { models: Some(vec![model]), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    status_kib(stage.enclave.id().expect("the enclave runs"), "VmHWM:")
}

/// One line of a process's status (proc_pid_status(5)).
fn status_kib(process: u32, label: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(label)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The ONNX file of `y = operator(x)` for one row of numbers.
fn one_node_model(operator: &str, width: usize, answered: usize) -> Vec<u8> {
    let (mut node, mut graph) = (Message::default(), Message::default());
    node.text(1, "x").text(2, "y").text(4, operator);
    graph.message(1, &node).text(2, "one node");
    graph.message(11, &row("x", width)).message(12, &row("y", answered));
    model(&graph)
}

/// The ONNX file of `y = x · w + b` for one row of `width` numbers, written field by field (onnx.proto).
pub(crate) fn linear_model(width: usize) -> Vec<u8> {
    let mut graph = Message::default();
    graph.message(1, &node("MatMul", ["x", "w"], "h"));
    graph.message(1, &node("Add", ["h", "b"], "y"));
    graph.text(2, "linear");
    graph.message(5, &tensor("w", &[width, width], 1));
    graph.message(5, &tensor("b", &[width], 2));
    graph.message(11, &row("x", width));
    graph.message(12, &row("y", width));
    model(&graph)
}

fn node(operator: &str, inputs: [&str; 2], output: &str) -> Message {
    let mut node = Message::default();
    node.text(1, inputs[0]).text(1, inputs[1]).text(2, output).text(4, operator);
    node
}

/// Weights between a half and one whose mantissas never repeat within 2²³.
pub(crate) fn tensor(name: &str, shape: &[usize], seed: u32) -> Message {
    let count = shape.iter().product();
    let mut state = seed;
    let mut raw = Vec::with_capacity(count * 4);
    for _ in 0..count {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        raw.extend_from_slice(&(0x3f00_0000 | (state >> 9)).to_le_bytes());
    }
    let mut tensor = Message::default();
    for size in shape {
        tensor.number(1, *size);
    }
    tensor.number(2, FLOAT).text(8, name).bytes(9, &raw);
    tensor
}
