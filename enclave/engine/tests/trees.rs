//! Tree ensembles that mean different things to different engines, or that are no trees, are refused.

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

/// A tree of one comparison, changed in one way.
fn changed(change: impl FnOnce(&mut Vec<AttributeProto>)) -> LoadError {
    let mut graph = binary([0.2, 0.7], "NONE", &[]);
    change(&mut graph.graph.as_mut().unwrap().node[0].attribute);
    derive(file(&graph), &DeriveOptions::default()).expect_err("refused")
}

fn replaced(attributes: &mut [AttributeProto], new: AttributeProto) {
    let old = attributes.iter_mut().find(|old| old.name == new.name).unwrap();
    *old = new;
}

#[test]
fn what_is_no_tree_is_refused() {
    let wrong = [
        // A child that is its own parent, one that comes back, one that is not there.
        ints("nodes_truenodeids", &[0, 0, 0]),
        ints("nodes_truenodeids", &[7, 0, 0]),
        ints("nodes_truenodeids", &[-1, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 1]),
        ints("nodes_treeids", &[0, 1, 0]),
        ints("nodes_treeids", &[0, 0, 1]),
        ints("nodes_featureids", &[-1, 0, 0]),
        ints("nodes_featureids", &[1, 0, 0]),
        ints("nodes_featureids", &[i64::MAX, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0]),
        floats("nodes_values", &[0.0, 0.0]),
        texts("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"]),
        texts("nodes_modes", &["BRANCH_MEMBER", "LEAF", "LEAF"]),
        ints("class_ids", &[0, -1]),
        ints("class_ids", &[0]),
        ints("class_nodeids", &[0, 2]),
        floats("class_weights", &[]),
        AttributeProto { s: b"TANH".to_vec(), ..attribute("post_transform", AttributeType::String) },
    ];
    for new in wrong {
        let shown = format!("{new:?}");
        let refused = changed(|attributes| replaced(attributes, new));
        assert!(matches!(refused, LoadError::Compile(_)), "{shown}: {refused:?}");
    }
    let cycle = changed(|attributes| {
        replaced(attributes, texts("nodes_modes", &["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"]));
        replaced(attributes, ints("nodes_falsenodeids", &[2, 2, 0]));
    });
    assert!(matches!(cycle, LoadError::Compile(_)));
}

#[test]
fn a_chain_of_nodes_is_a_tree() {
    let nodes = 100_000_i64;
    let count = usize::try_from(nodes).unwrap();
    let chain =
        |end: i64, step: i64| (0..nodes).map(|i| if i % 2 == 0 && i < end { i + step } else { 0 }).collect();
    let (yes, no): (Vec<i64>, Vec<i64>) = (chain(nodes - 2, 1), chain(nodes - 2, 2));
    let modes: Vec<&str> = yes.iter().map(|child| if *child == 0 { "LEAF" } else { "BRANCH_LEQ" }).collect();
    let mut graph = binary([0.2, 0.7], "NONE", &[]);
    let attributes = &mut graph.graph.as_mut().unwrap().node[0].attribute;
    replaced(attributes, ints("nodes_treeids", &vec![0; count]));
    replaced(attributes, ints("nodes_nodeids", &(0..nodes).collect::<Vec<_>>()));
    replaced(attributes, ints("nodes_featureids", &vec![0; count]));
    replaced(attributes, floats("nodes_values", &vec![0.0; count]));
    replaced(attributes, texts("nodes_modes", &modes));
    replaced(attributes, ints("nodes_truenodeids", &yes));
    replaced(attributes, ints("nodes_falsenodeids", &no));
    replaced(attributes, ints("class_nodeids", &[1, nodes - 2]));
    let answers = run(&load(&graph), &input());
    assert_eq!(as_i64s(&answers[0]), [0, 1]);
    assert_eq!(as_f32s(&answers[1]), [0.8, 0.2, 0.3, 0.7]);
}

#[test]
fn what_engines_read_differently_is_refused() {
    let labels = || ints("classlabels_int64s", &[0, 1]);
    let ambiguous = [
        stump(&[1, 1], &[-0.7, 0.4], "LOGISTIC", &[], labels()),
        stump(&[0, 1, 0, 1], &[0.8, 0.2, 0.1, 0.9], "NONE", &[], labels()),
        binary([-0.7, 0.4], "PROBIT", &[]),
        binary([-0.7, 0.4], "LOGISTIC", &[0.5, 0.5]),
        stump(&[0, 0], &[0.2, 0.7], "NONE", &[], ints("classlabels_int64s", &[1])),
    ];
    for (case, graph) in ambiguous.iter().enumerate() {
        let refused = derive(file(graph), &DeriveOptions::default()).err();
        assert!(matches!(refused, Some(LoadError::Compile(_))), "case {case}: {refused:?}");
    }
}
