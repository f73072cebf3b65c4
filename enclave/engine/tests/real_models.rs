//! Real models answer as onnxruntime does, on stored inputs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "helpers of tests fail with the test, and measurements are shown"
)]

mod references;

use std::time::Instant;

use strongroom_engine::{DeriveOptions, LoadError, Model, RunError, check_samples, derive, limits};
use strongroom_seal::tensor::{DType, Tensor};
use zeroize::Zeroizing;

/// Derives, loads and runs a model, compares, and tells what it took.
fn answers_as_the_reference(name: &str) -> Model {
    let reference = references::read(name);
    let file = std::fs::read(&reference.model).unwrap_or_else(|error| {
        panic!("{}: {error}: run scripts/fetch-models first", reference.model.display())
    });
    let reveal = |error: LoadError| match &error {
        LoadError::Compile(detail) => format!("{error}: {}", detail.reveal()),
        other => other.to_string(),
    };
    // A model is served as well when its owner states nothing.
    let (unstated, _) =
        derive(Zeroizing::new(file.clone()), &DeriveOptions::default()).map_err(reveal).unwrap();
    let start = Instant::now();
    let (interface, answer) =
        derive(Zeroizing::new(file.clone()), &reference.options).map_err(reveal).unwrap();
    let derived = start.elapsed();
    let start = Instant::now();
    let model = Model::load(Zeroizing::new(file), &interface).map_err(reveal).unwrap();
    let loaded = start.elapsed();
    let report = check_samples(&model, &reference.inputs, &reference.outputs, reference.tolerance).unwrap();
    let start = Instant::now();
    drop(model.run(model.admit(&reference.inputs, &[]).unwrap()).unwrap());
    eprintln!(
        "{name}: derive {derived:?}, load {loaded:?}, run {:?}, all shapes at once {}, {answer:?}, {:?}, unstated {:?}",
        start.elapsed(),
        model.compiled_for_all_shapes(),
        report.outputs,
        unstated.symbols,
    );
    model
}

#[test]
fn tree_ensembles() {
    for name in ["boosted-trees", "forest"] {
        answers_as_the_reference(name);
    }
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn sentence_embedding() {
    assert!(answers_as_the_reference("minilm").compiled_for_all_shapes());
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn sentence_embedding_with_int8_weights() {
    answers_as_the_reference("minilm-int8");
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn file_type() {
    answers_as_the_reference("magika");
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn image_classifier_runs_images_one_by_one() {
    assert!(answers_as_the_reference("opennsfw").compiled_for_all_shapes());
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn voice_activity() {
    answers_as_the_reference("silero");
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn text_detector_takes_any_size_it_was_made_for() {
    let model = answers_as_the_reference("ocr-detector");
    let page = |height: u64, width: u64| {
        let data = vec![0; usize::try_from(3 * height * width * 4).unwrap()];
        [Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![1, 3, height, width], data: data.into() }]
    };
    // More shapes than are kept compiled, the first of them again at the end.
    let widths = (1..=limits::MAX_PLANS_PER_MODEL as u64 + 2).chain([1]).map(|step| 32 * step);
    for width in widths {
        let answers = model.run(model.admit(&page(64, width), &[]).unwrap()).unwrap();
        assert_eq!(answers[0].shape, [1, 1, 64, width]);
    }
    // Sides that are no multiples of 32 do not meet again after scaling down and up.
    for _ in 0..2 {
        let refused = model.run(model.admit(&page(64, 33), &[]).unwrap());
        assert_eq!(refused.err(), Some(RunError::Shape));
    }
}
