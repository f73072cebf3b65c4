//! Times a model on one thread: `measure MODEL.onnx INPUTS.npz SECONDS`, microseconds of a run on standard output.
//!
//! What is timed is what a request costs in the engine: inputs are admitted, the model runs, outputs
//! are copied out. `measure.py` beside this file runs it against onnxruntime.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for developers that ends when something is amiss"
)]

#[path = "../tests/references/mod.rs"]
mod references;

use std::path::Path;
use std::time::{Duration, Instant};

use strongroom_engine::{DeriveOptions, Model, derive};
use strongroom_seal::model::AnswerBound;
use zeroize::Zeroizing;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, inputs, seconds] = arguments.as_slice() else {
        panic!("measure MODEL.onnx INPUTS.npz SECONDS")
    };
    let file = || Zeroizing::new(std::fs::read(model).unwrap());
    let answer =
        Some(AnswerBound { names_bytes: 1 << 10, bytes_per_request_kib: 1 << 16, max_bytes: 1 << 24 });
    let (interface, _) = derive(file(), &DeriveOptions { answer, ..DeriveOptions::default() }).unwrap();
    let model = Model::load(file(), &interface).unwrap();
    let inputs = references::arrays(Path::new(inputs));
    let run = || drop(model.run(model.admit(&inputs, &[]).unwrap()).unwrap());
    run();
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse().unwrap());
    let mut times = Vec::new();
    while Instant::now() < end || times.len() < 3 {
        let start = Instant::now();
        run();
        times.push(start.elapsed());
    }
    times.sort();
    // The first quarter: what others do on the machine only ever adds.
    println!("{:.2}", times[times.len() / 4].as_secs_f64() * 1e6);
}
