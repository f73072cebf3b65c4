//! Tree ensembles of two classes answer as onnxruntime does, or are refused.

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

use graphs::{as_f32s, as_i64s, attribute, file, load, model, node, run, value};
use strongroom_engine::{DeriveOptions, LoadError, Model, derive};
use strongroom_seal::model::AnswerBound;
use strongroom_seal::tensor::{DType, strings};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { floats: floats.to_vec(), ..attribute(name, AttributeType::Floats) }
}

fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}

/// One stump: the first weights where x ≤ 0, the last where x > 0.
fn stump(ids: &[i64], weights: &[f32], post: &str, base: &[f32], labels: AttributeProto) -> ModelProto {
    let leaves = ids.len() as i64;
    let mut tree = node("TreeEnsembleClassifier", &["x"], &["label", "p"]);
    tree.domain = "ai.onnx.ml".to_owned();
    let label_type = if labels.strings.is_empty() { DataType::Int64 } else { DataType::String };
    tree.attribute = vec![
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[0, 0, 0]),
        floats("nodes_values", &[0.0, 0.0, 0.0]),
        texts("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF"]),
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("class_treeids", &vec![0; ids.len()]),
        ints("class_nodeids", &(0..leaves).map(|leaf| 1 + i64::from(2 * leaf >= leaves)).collect::<Vec<_>>()),
        ints("class_ids", ids),
        floats("class_weights", weights),
        AttributeProto { s: post.as_bytes().to_vec(), ..attribute("post_transform", AttributeType::String) },
        labels,
    ];
    if !base.is_empty() {
        tree.attribute.push(floats("base_values", base));
    }
    let outputs = vec![value("label", label_type, &["n"]), value("p", DataType::Float, &["n", "2"])];
    model(vec![value("x", DataType::Float, &["n", "1"])], vec![tree], outputs, vec![])
}

fn binary(weights: [f32; 2], post: &str, base: &[f32]) -> ModelProto {
    stump(&[0, 0], &weights, post, base, ints("classlabels_int64s", &[0, 1]))
}

fn input() -> [strongroom_seal::tensor::Tensor<'static>; 1] {
    [graphs::f32s("x", &[2, 1], &[-1.0, 1.0])]
}

/// The expected values are onnxruntime 1.31.1's.
#[test]
fn labels_and_probabilities_are_onnxruntimes() {
    let cases: [(ModelProto, [i64; 2], [f32; 4]); 5] = [
        (
            binary([-0.7, 0.4], "LOGISTIC", &[]),
            [0, 1],
            [0.668_187_7, 0.331_812_26, 0.401_312_35, 0.598_687_65],
        ),
        (
            binary([0.7, -0.4], "LOGISTIC", &[]),
            [1, 0],
            [0.331_812_26, 0.668_187_7, 0.598_687_65, 0.401_312_35],
        ),
        (
            binary([-0.7, 0.4], "LOGISTIC", &[0.5]),
            [0, 1],
            [0.549_833_95, 0.450_166_05, 0.289_050_52, 0.710_949_5],
        ),
        (binary([0.2, 0.7], "NONE", &[]), [0, 1], [0.8, 0.2, 0.3, 0.7]),
        (binary([0.7, 0.2], "NONE", &[]), [1, 0], [0.3, 0.7, 0.8, 0.2]),
    ];
    for (case, (graph, labels, probabilities)) in cases.into_iter().enumerate() {
        let answers = run(&load(&graph), &input());
        assert_eq!(as_i64s(&answers[0]), labels, "case {case}");
        for (found, wanted) in as_f32s(&answers[1]).iter().zip(probabilities) {
            assert!((found - wanted).abs() < 1e-6, "case {case}: {found} {wanted}");
        }
    }
}

#[test]
fn labels_may_be_text() {
    let graph = stump(&[0, 0], &[0.2, 0.7], "NONE", &[], texts("classlabels_strings", &["honest", "fraud"]));
    let answer = Some(AnswerBound { names_bytes: 140, bytes_per_request_kib: 8192, max_bytes: 1 << 20 });
    let (interface, _) = derive(file(&graph), &DeriveOptions { answer, ..DeriveOptions::default() }).unwrap();
    let model = Model::load(file(&graph), &interface).unwrap();
    let answers = run(&model, &input());
    assert_eq!(answers[0].dtype, DType::Bytes);
    let labels: Vec<&[u8]> = strings(&answers[0].data).map(Result::unwrap).collect();
    assert_eq!(labels, [b"honest".as_slice(), b"fraud".as_slice()]);
}

#[test]
fn three_classes_stay_as_they_are() {
    let graph = stump(
        &[0, 1, 2, 0, 1, 2],
        &[0.7, 0.2, 0.1, 0.1, 0.2, 0.7],
        "NONE",
        &[],
        ints("classlabels_int64s", &[10, 11, 12]),
    );
    let mut graph = graph;
    graph.graph.as_mut().unwrap().output[1] = value("p", DataType::Float, &["n", "3"]);
    assert_eq!(as_i64s(&run(&load(&graph), &input())[0]), [10, 12]);
}

#[test]
fn what_engines_read_differently_is_refused() {
    let labels = || ints("classlabels_int64s", &[0, 1]);
    let ambiguous = [
        stump(&[1, 1], &[-0.7, 0.4], "LOGISTIC", &[], labels()),
        stump(&[0, 1, 0, 1], &[0.8, 0.2, 0.1, 0.9], "NONE", &[], labels()),
        binary([0.2, 0.7], "LOGISTIC", &[]),
        binary([-0.2, 0.7], "NONE", &[]),
        binary([-0.7, 0.4], "SOFTMAX", &[]),
        binary([-0.7, 0.4], "LOGISTIC", &[0.5, 0.5]),
        stump(&[0, 0], &[0.2, 0.7], "NONE", &[], ints("classlabels_int64s", &[1])),
    ];
    for (case, graph) in ambiguous.iter().enumerate() {
        let refused = derive(file(graph), &DeriveOptions::default()).err();
        let known = matches!(refused, Some(LoadError::KnownWrong { operator: "TreeEnsembleClassifier", .. }));
        assert!(known, "case {case}: {refused:?}");
    }
}
