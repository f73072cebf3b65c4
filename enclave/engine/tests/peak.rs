//! Loading a model from memory takes no more than tract itself takes for the plain file, and little beside.
//!
//! Each measurement is a process of its own: this test's executable, started again for one load.

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
