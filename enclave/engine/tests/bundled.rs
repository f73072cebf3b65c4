//! The bundled fraud model answers as onnxruntime did when it was made.

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

use std::fs;

use graphs::{as_f32s, as_i64s, f32s, run};
use strongroom_engine::{DeriveOptions, Model, derive};
use strongroom_seal::model::{Dim, DimRange};
use strongroom_seal::tensor::DType;
use zeroize::Zeroizing;

const FEATURES: usize = 30;
const ROWS: usize = 2000;

fn read(name: &str) -> Vec<u8> {
    fs::read(format!("{}/../../models/fraud/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn csv(name: &str) -> Vec<Vec<f32>> {
    let text = String::from_utf8(read(name)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn answers_equal_the_reference() {
    let file = || Zeroizing::new(read("fraud.onnx"));
    let (interface, answer) = derive(file(), &DeriveOptions::default()).unwrap();
    assert_eq!(interface.symbols["batch"], DimRange { min: 1, max: 4096 });
    assert_eq!(interface.inputs[0].shape, [Dim::Symbol("batch".into()), Dim::Fixed(FEATURES as u64)]);
    assert_eq!((interface.outputs[0].dtype, interface.outputs[1].dtype), (DType::Int64, DType::Fp32));
    // 16 bytes of answer for 120 of request.
    assert_eq!((answer.bytes_per_request_kib, answer.max_bytes), (137, 16 * 4096));

    let model = Model::load(file(), &interface).unwrap();
    assert!(model.compiled_for_all_shapes());
    let (test, expected) = (csv("test.csv"), csv("expected.csv"));
    assert_eq!((test.len(), expected.len()), (ROWS, ROWS));
    let answers = run(&model, &[f32s("X", &[ROWS as u64, FEATURES as u64], &test.concat())]);
    let (labels, probabilities) = (as_i64s(&answers[0]), as_f32s(&answers[1]));
    for (row, wanted) in expected.iter().enumerate() {
        assert_eq!(labels[row] as f32, wanted[0], "label of row {row}");
        assert!((probabilities[2 * row] - wanted[1]).abs() <= 1e-5, "row {row}");
        assert!((probabilities[2 * row + 1] - wanted[2]).abs() <= 1e-5, "row {row}");
    }
    let card: serde_json::Value = serde_json::from_slice(&read("card.json")).unwrap();
    let right =
        labels.iter().zip(csv("labels.csv")).filter(|(label, truth)| **label as f32 == truth[0]).count();
    assert_eq!(card["test"]["right"], right);
}
