//! Loading a model from memory takes no more than tract itself takes for the plain file, and little beside; and a run takes what it
//! was said to hold.
//!
//! Each measurement is a process of its own: this test's executable, started again for one load or run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "helpers of tests fail with the test, and measurements are shown"
)]

mod graphs;
mod references;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use graphs::{file, floats, model, node, options, value};
use strongroom_engine::{Model, derive};
use strongroom_seal::model::Interface;
use strongroom_seal::tensor::{DType, Tensor};
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _, IntoRunnable as _, onnx};
use zeroize::Zeroizing;

const WIDTH: usize = 1536;
const LAYERS: usize = 8;

/// Eight square layers, 72 MiB of weights.
fn large() -> ModelProto {
    let name = |layer: usize| if layer == 0 { "x".to_owned() } else { format!("h{layer}") };
    let node = |layer: usize| node("MatMul", &[&name(layer), &format!("w{layer}")], &[&name(layer + 1)]);
    let weight = |layer: usize| {
        let values: Vec<f32> = (0..WIDTH * WIDTH).map(|i| (i * (layer + 3) % 251) as f32 / 4096.0).collect();
        floats(&format!("w{layer}"), &[WIDTH as i64, WIDTH as i64], &values)
    };
    let width = WIDTH.to_string();
    model(
        vec![value("x", DataType::Float, &["batch", &width])],
        (0..LAYERS).map(node).collect(),
        vec![value(&name(LAYERS), DataType::Float, &["batch", &width])],
        (0..LAYERS).map(weight).collect(),
    )
}

fn status_kib(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The started-again half: loads the file named in the environment and prints the peak.
#[test]
#[ignore = "started by the other tests of this file"]
fn load_once() {
    let Ok(path) = std::env::var("STRONGROOM_PEAK_FILE") else { return };
    match std::env::var("STRONGROOM_PEAK_INTERFACE") {
        Ok(interface) => {
            let interface = serde_json::from_str(&interface).unwrap();
            report(&Model::load(Zeroizing::new(fs::read(&path).unwrap()), &interface).unwrap());
        }
        Err(_) => {
            let plain = onnx().model_for_read(&mut fs::File::open(&path).unwrap()).unwrap();
            report(&plain.into_optimized().unwrap().into_runnable().unwrap());
        }
    }
}

fn report<T>(kept: &T) {
    println!("peak_kib={}", status_kib("VmHWM:"));
    std::hint::black_box(kept);
}

/// Peak of a process that loads the file, in KiB: with an interface by this crate, without by tract alone.
fn measure(path: &Path, interface: Option<&Interface>) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "load_once", "--nocapture"]).env("STRONGROOM_PEAK_FILE", path);
    if let Some(interface) = interface {
        command.env("STRONGROOM_PEAK_INTERFACE", serde_json::to_string(interface).unwrap());
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let peak = text.split("peak_kib=").nth(1).unwrap_or_else(|| panic!("no peak in {text}"));
    peak.split_whitespace().next().unwrap().parse().unwrap()
}

fn compare(path: &Path, interface: &Interface) {
    let weights = fs::metadata(path).unwrap().len() / 1024;
    let (plain, ours) = (measure(path, None), measure(path, Some(interface)));
    eprintln!("peak for {} MiB: tract alone {} MiB, ours {} MiB", weights >> 10, plain >> 10, ours >> 10);
    assert!(ours <= plain + weights * 3 / 10, "ours {ours} KiB, tract alone {plain} KiB");
}

#[test]
fn loading_stays_near_the_engines_own_peak() {
    let path = std::env::temp_dir().join(format!("strongroom-peak-{}.onnx", std::process::id()));
    let bytes = file(&large());
    fs::write(&path, &bytes).unwrap();
    compare(&path, &derive(bytes, &options(&[("batch", 1, 8)])).unwrap().0);
    fs::remove_file(&path).unwrap();
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn loading_a_real_model_stays_near_the_engines_own_peak() {
    let reference = references::read("minilm");
    let bytes = Zeroizing::new(fs::read(&reference.model).expect("run scripts/fetch-models first"));
    compare(&reference.model, &derive(bytes, &reference.options).unwrap().0);
}

/// What every process has beside a run: its own code's pages, stacks, tract's scratch memory.
const BESIDE_KIB: u64 = 24 * 1024;

/// The started-again half: loads the file, and runs it with zeros of the shape in the environment.
#[test]
#[ignore = "started by the other tests of this file"]
fn run_once() {
    let Ok(path) = std::env::var("STRONGROOM_PEAK_FILE") else { return };
    let interface: Interface =
        serde_json::from_str(&std::env::var("STRONGROOM_PEAK_INTERFACE").unwrap()).unwrap();
    let shape: Vec<u64> = serde_json::from_str(&std::env::var("STRONGROOM_PEAK_SHAPE").unwrap()).unwrap();
    let model = Model::load(Zeroizing::new(fs::read(&path).unwrap()), &interface).unwrap();
    let elements: u64 = shape.iter().product();
    let data = vec![0_u8; usize::try_from(elements).unwrap() * 4];
    let input = Tensor { name: "x".into(), dtype: DType::Fp32, shape, data: data.into() };
    let held = model.held(std::slice::from_ref(&input)).unwrap() / 1024;
    // From here on the peak is the run's (proc_pid_clear_refs(5)).
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status_kib("VmRSS:");
    let valid = model.admit(&[input], &[]).unwrap();
    std::hint::black_box(model.run(valid).unwrap());
    println!("held_kib={held} took_kib={} end", status_kib("VmHWM:") - before);
}

/// What a run was said to hold, and what it took, in KiB.
fn held_and_taken(onnx: &ModelProto, ranges: &[(&str, u64, u64)], shape: &[u64]) -> (u64, u64) {
    let bytes = file(onnx);
    let path = std::env::temp_dir().join(format!("strongroom-held-{}.onnx", std::process::id()));
    fs::write(&path, &bytes).unwrap();
    let interface = derive(bytes, &options(ranges)).unwrap().0;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "run_once", "--nocapture"])
        .env("STRONGROOM_PEAK_FILE", &path)
        .env("STRONGROOM_PEAK_INTERFACE", serde_json::to_string(&interface).unwrap())
        .env("STRONGROOM_PEAK_SHAPE", serde_json::to_string(shape).unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    fs::remove_file(&path).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |label: &str| {
        let rest = text.split(label).nth(1).unwrap_or_else(|| panic!("no {label} in {text}"));
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("held_kib="), number("took_kib="))
}

#[test]
fn a_run_takes_what_it_is_said_to_hold() {
    let outer = model(
        vec![value("x", DataType::Float, &["1", "6144"])],
        vec![
            node("Transpose", &["x"], &["t"]),
            node("MatMul", &["t", "x"], &["p"]),
            node("ReduceMax", &["p"], &["y"]),
        ],
        vec![value("y", DataType::Float, &["1", "1"])],
        vec![],
    );
    let wide = model(
        vec![value("x", DataType::Float, &["batch", "8"])],
        vec![
            node("MatMul", &["x", "w"], &["h"]),
            node("Relu", &["h"], &["r"]),
            node("MatMul", &["r", "v"], &["y"]),
        ],
        vec![value("y", DataType::Float, &["batch", "2"])],
        vec![
            floats("w", &[8, 65536], &vec![0.5; 8 * 65536]),
            floats("v", &[65536, 2], &vec![0.5; 65536 * 2]),
        ],
    );
    let image = |images: &str, side: &str| {
        model(
            vec![value("x", DataType::Float, &[images, "8", side, side])],
            vec![node("Conv", &["x", "w"], &["c"]), node("ReduceMax", &["c"], &["y"])],
            vec![value("y", DataType::Float, &["1", "1", "1", "1"])],
            vec![floats("w", &[8, 8, 3, 3], &vec![0.5; 8 * 8 * 9])],
        )
    };
    let squares = model(
        vec![value("x", DataType::Float, &["16", "768", "768"])],
        vec![node("MatMul", &["x", "x"], &["p"]), node("ReduceMax", &["p"], &["y"])],
        vec![value("y", DataType::Float, &["1", "1", "1"])],
        vec![],
    );
    let cases = [
        ("an outer product", held_and_taken(&outer, &[], &[1, 6144])),
        ("a wide layer", held_and_taken(&wide, &[("batch", 1, 4096)], &[4096, 8])),
        ("an image", held_and_taken(&image("1", "1536"), &[], &[1, 8, 1536, 1536])),
        ("four images", held_and_taken(&image("4", "512"), &[], &[4, 8, 512, 512])),
        ("a batch of products", held_and_taken(&squares, &[], &[16, 768, 768])),
    ];
    for (what, (held, taken)) in cases {
        eprintln!("{what}: said to hold {} MiB, took {} MiB", held >> 10, taken >> 10);
        assert!(taken <= held + held / 8 + BESIDE_KIB, "{what} took {taken} KiB of {held} KiB");
        assert!(held <= taken * 2 + BESIDE_KIB, "{what} asks for {held} KiB and takes {taken} KiB");
    }
}
