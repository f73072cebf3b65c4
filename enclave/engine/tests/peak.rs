//! Loading a model from memory takes no more than tract itself takes for the plain file, and little beside.
//!
//! Each measurement is a process of its own: this test's executable, started again for one load.

mod graphs;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use graphs::{file, floats, interface, model, node, value};
use strongroom_engine::Model;
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _, IntoRunnable as _};

const WIDTH: usize = 1536;
const LAYERS: usize = 8;
const WEIGHT_KIB: u64 = (WIDTH * WIDTH * 4 * LAYERS / 1024) as u64;

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

/// The started-again half: reads the file named in the environment, loads it, prints the peak.
#[test]
#[ignore = "started by loading_stays_near_the_engines_own_peak"]
fn load_once() {
    let Ok(path) = std::env::var("STRONGROOM_PEAK_FILE") else { return };
    if std::env::var("STRONGROOM_PEAK_PLAIN").is_ok() {
        let mut plain = tract_onnx::onnx().model_for_read(&mut fs::File::open(&path).unwrap()).unwrap();
        let scope = plain.symbols.clone();
        let dims = [tract_onnx::prelude::TDim::from(scope.sym("batch")), (WIDTH as i64).into()];
        let fact = tract_onnx::prelude::InferenceFact::dt_shape(tract_onnx::prelude::DatumType::F32, dims);
        plain.set_input_fact(0, fact).unwrap();
        let plan = plain.into_optimized().unwrap().into_runnable().unwrap();
        report(&plan);
    } else {
        let interface = small_interface();
        let bytes = zeroize::Zeroizing::new(fs::read(&path).unwrap());
        let model = Model::load(bytes, &interface).unwrap();
        report(&model);
    }
}

fn small_interface() -> strongroom_seal::model::Interface {
    let width = WIDTH.to_string();
    let mut interface = interface(&graphs::identity(DataType::Float, &["batch", &width]));
    interface.outputs[0].name = format!("h{LAYERS}");
    interface
}

fn report<T>(kept: &T) {
    println!("peak_kib={}", status_kib("VmHWM:"));
    std::hint::black_box(kept);
}

fn measure(path: &str, plain: bool) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "load_once", "--nocapture"]).env("STRONGROOM_PEAK_FILE", path);
    if plain {
        command.env("STRONGROOM_PEAK_PLAIN", "1");
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let peak = text.split("peak_kib=").nth(1).unwrap_or_else(|| panic!("no peak in {text}"));
    peak.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn loading_stays_near_the_engines_own_peak() {
    let path = std::env::temp_dir().join(format!("strongroom-peak-{}.onnx", std::process::id()));
    fs::File::create(&path).unwrap().write_all(&file(&large())).unwrap();
    let text = path.to_str().unwrap();
    let (plain, ours) = (measure(text, true), measure(text, false));
    fs::remove_file(&path).unwrap();
    eprintln!("peak for {} MiB of weights: tract alone {} MiB, ours {} MiB", WEIGHT_KIB >> 10, plain >> 10, ours >> 10);
    assert!(ours <= plain + WEIGHT_KIB * 3 / 10, "ours {ours} KiB, tract alone {plain} KiB");
}
