//! Real models answer as onnxruntime does, on stored inputs.

mod references;

use std::time::Instant;

use strongroom_engine::{LoadError, Model, check_samples, derive};
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
    let start = Instant::now();
    let (interface, answer) = derive(Zeroizing::new(file.clone()), &reference.options).map_err(reveal).unwrap();
    let derived = start.elapsed();
    let start = Instant::now();
    let model = Model::load(Zeroizing::new(file), &interface).map_err(reveal).unwrap();
    let loaded = start.elapsed();
    let report = check_samples(&model, &reference.inputs, &reference.outputs, reference.tolerance).unwrap();
    let start = Instant::now();
    drop(model.run(model.admit(&reference.inputs, &[]).unwrap()).unwrap());
    eprintln!(
        "{name}: derive {derived:?}, load {loaded:?}, run {:?}, all shapes at once {}, {answer:?}, {:?}",
        start.elapsed(),
        model.compiled_for_all_shapes(),
        report.outputs,
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
fn image_classifier_is_compiled_shape_by_shape() {
    assert!(!answers_as_the_reference("opennsfw").compiled_for_all_shapes());
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn voice_activity() {
    answers_as_the_reference("silero");
}

#[test]
#[ignore = "needs scripts/fetch-models"]
fn text_detector() {
    answers_as_the_reference("ocr-detector");
}
