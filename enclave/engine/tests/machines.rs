//! Support vector machines whose lists contradict each other are refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail with the test"
)]

mod graphs;

use graphs::{as_f32s, as_i64s, attribute, f32s, file, load, model, node, run, value};
use strongroom_engine::{DeriveOptions, LoadError, derive};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { floats: floats.to_vec(), ..attribute(name, AttributeType::Floats) }
}

fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { s: text.into(), ..attribute(name, AttributeType::String) }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

fn machine(
    operator: &str,
    outputs: &[(&str, DataType, &[&str])],
    attributes: Vec<AttributeProto>,
) -> ModelProto {
    let names: Vec<&str> = outputs.iter().map(|(name, ..)| *name).collect();
    let mut machine = node(operator, &["x"], &names);
    machine.domain = "ai.onnx.ml".to_owned();
    machine.attribute = attributes;
    let outputs = outputs.iter().map(|(name, dtype, dims)| value(name, *dtype, dims)).collect();
    model(vec![value("x", DataType::Float, &["n", "2"])], vec![machine], outputs, vec![])
}

/// Which side of a line a point lies on: one support vector on each.
fn classifier(change: impl FnOnce(&mut Vec<AttributeProto>)) -> ModelProto {
    let mut attributes = vec![
        ints("classlabels_ints", &[3, 8]),
        ints("vectors_per_class", &[1, 1]),
        floats("support_vectors", &[1.0, 0.0, -1.0, 0.0]),
        floats("coefficients", &[1.0, -1.0]),
        floats("rho", &[0.5]),
    ];
    change(&mut attributes);
    machine(
        "SVMClassifier",
        &[("label", DataType::Int64, &["n"]), ("s", DataType::Float, &["n", "2"])],
        attributes,
    )
}

fn regressor(change: impl FnOnce(&mut Vec<AttributeProto>)) -> ModelProto {
    let mut attributes = vec![
        int("n_supports", 2),
        floats("support_vectors", &[1.0, 0.0, 0.0, 1.0]),
        floats("coefficients", &[2.0, 3.0]),
        floats("rho", &[0.5]),
    ];
    change(&mut attributes);
    machine("SVMRegressor", &[("y", DataType::Float, &["n", "1"])], attributes)
}

fn put(attributes: &mut Vec<AttributeProto>, new: AttributeProto) {
    attributes.retain(|old| old.name != new.name);
    attributes.push(new);
}

#[test]
fn sides_and_sums() {
    let x = [f32s("x", &[2, 2], &[1.0, 7.0, -3.0, 0.0])];
    let answers = run(&load(&classifier(|_| {})), &x);
    assert_eq!(as_i64s(&answers[0]), [3, 8]);
    assert_eq!(as_f32s(&answers[1]), [-2.5, 2.5, 5.5, -5.5]);
    assert_eq!(as_f32s(&run(&load(&regressor(|_| {})), &x)[0]), [23.5, -5.5]);
    let side = load(&regressor(|attributes| attributes.push(int("one_class", 1))));
    assert_eq!(as_f32s(&run(&side, &x)[0]), [1.0, -1.0]);
}

#[test]
fn lists_that_contradict_each_other_are_refused() {
    let both = [
        floats("support_vectors", &[]),
        floats("support_vectors", &[1.0, 0.0, 0.0]),
        floats("support_vectors", &[1.0, 0.0]),
        floats("coefficients", &[1.0]),
        floats("rho", &[]),
        floats("rho", &[1.0, 2.0]),
        floats("kernel_params", &[1.0]),
        text("kernel_type", "COSINE"),
        text("post_transform", "LOGISTIC"),
    ];
    let classifiers = [
        ints("classlabels_ints", &[3]),
        ints("classlabels_ints", &(0..300).collect::<Vec<_>>()),
        ints("vectors_per_class", &[2]),
        ints("vectors_per_class", &[-1, 3]),
        ints("vectors_per_class", &[i64::MAX, 1]),
        ints("vectors_per_class", &[0, 0]),
        floats("coefficients", &[1.0, 1.0]),
        floats("prob_a", &[1.0]),
    ];
    let regressors =
        [int("n_supports", 0), int("n_supports", -2), int("n_supports", i64::MAX), int("n_supports", 1)];
    let changed = |new: &AttributeProto, machine: fn(AttributeProto) -> ModelProto| {
        let refused = derive(file(&machine(new.clone())), &DeriveOptions::default()).err();
        assert!(matches!(refused, Some(LoadError::Compile(_))), "{}: {refused:?}", new.name);
    };
    for new in both.iter().chain(&classifiers) {
        changed(new, |new| classifier(|attributes| put(attributes, new)));
    }
    for new in both.iter().chain(&regressors) {
        changed(new, |new| regressor(|attributes| put(attributes, new)));
    }
}
