//! Small models answer as onnxruntime does: scikit-learn's pipelines, tree ensembles, batches of images, shortcuts.

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

use references::Case;
use strongroom_engine::{DeriveOptions, LoadError, Model, Tolerance, check_samples, derive};
use strongroom_seal::model::AnswerBound;
use zeroize::Zeroizing;

/// Two floats apart by so much are the same sum, added up in another order.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

/// Derives, loads, runs and compares; `Err` says where it stopped.
fn answers_as_the_reference(case: &Case, for_all_shapes: bool) -> Result<(), String> {
    let file = || Zeroizing::new(case.model.clone());
    let reveal = |error: LoadError| match &error {
        LoadError::Compile(detail) => format!("{error}: {}", detail.reveal()),
        other => other.to_string(),
    };
    // Labels of text are of no size that follows from the model.
    let answer = Some(AnswerBound { names_bytes: 200, bytes_per_request_kib: 8192, max_bytes: 1 << 20 });
    let options = DeriveOptions { answer, ..DeriveOptions::default() };
    let (interface, _) = derive(file(), &options).map_err(reveal)?;
    let model = Model::load(file(), &interface).map_err(reveal)?;
    if for_all_shapes && !model.compiled_for_all_shapes() {
        return Err("is compiled shape by shape".to_owned());
    }
    check_samples(&model, &case.inputs, &case.outputs, TOLERANCE).map_err(|error| error.to_string())?;
    Ok(())
}

fn all_answer_as_the_reference(name: &str, for_all_shapes: bool) {
    let cases = references::cases(name);
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            Some(format!("{}: {}", case.name, answers_as_the_reference(case, for_all_shapes).err()?))
        })
        .collect();
    assert!(
        !cases.is_empty() && failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

#[test]
fn pipelines_of_scikit_learn() {
    all_answer_as_the_reference("scikit-learn", true);
}

#[test]
fn pipelines_over_columns() {
    all_answer_as_the_reference("columns", true);
}

#[test]
fn tree_ensembles_of_every_form() {
    all_answer_as_the_reference("ensembles", true);
}

#[test]
fn images_of_a_batch() {
    all_answer_as_the_reference("images", false);
}

#[test]
fn what_the_engine_computes_in_its_own_way() {
    all_answer_as_the_reference("shortcuts", false);
}
