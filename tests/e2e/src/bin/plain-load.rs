//! Loads a plain ONNX file as the engine does by itself and prints what that took: the yardstick for the
//! enclave, which loads the same model sealed.
//!
//! `plain-load FILE WIDTH` takes a model of one row of WIDTH numbers to another and prints the process's
//! peak of resident memory in KiB.

use std::collections::BTreeMap;
use std::process::ExitCode;

use strongroom_engine::Model;
use strongroom_seal::model::{Dim, Interface, TensorSpec};
use strongroom_seal::tensor::DType;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the measurement is the result")]
fn main() -> ExitCode {
    match measure() {
        Ok(peak) => {
            println!("{peak}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("plain-load: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<u64, String> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(width)) = (arguments.next(), arguments.next()) else {
        return Err("usage: plain-load FILE WIDTH".into());
    };
    let width = width.parse().map_err(|_| "WIDTH is not a number")?;
    let onnx = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let model = Model::load(onnx.into(), &interface(width)).map_err(|error| error.to_string())?;
    let peak = peak_kib();
    drop(model);
    peak.ok_or_else(|| "/proc/self/status names no peak".into())
}

/// `VmHWM` of this process (proc_pid_status(5)).
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn interface(width: u64) -> Interface {
    let row = |name: &str| TensorSpec {
        name: name.to_owned(),
        dtype: DType::Fp32,
        shape: vec![Dim::Fixed(1), Dim::Fixed(width)],
    };
    Interface { inputs: vec![row("x")], outputs: vec![row("y")], symbols: BTreeMap::new() }
}
