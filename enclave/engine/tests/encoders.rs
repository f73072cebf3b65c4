//! Encoders of labels and categories whose lists contradict themselves are refused, and an unknown category is one request's error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail with the test"
)]

mod graphs;

use graphs::{as_f32s, as_i64s, attribute, f32s, file, i64s, load, model, node, run, texts, value};
use strongroom_engine::{DeriveOptions, LoadError, RunError, derive, limits};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, TensorProto};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { floats: floats.to_vec(), ..attribute(name, AttributeType::Floats) }
}

fn strings(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

fn tensor(name: &str, t: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(t), ..attribute(name, AttributeType::Tensor) }
}

/// One operator of `ai.onnx.ml` from rows of this type to `output`.
fn graph(
    operator: &str,
    input: DataType,
    output: (DataType, &[&str]),
    attributes: Vec<AttributeProto>,
) -> ModelProto {
    let mut encoder = node(operator, &["x"], &["y"]);
    encoder.domain = "ai.onnx.ml".to_owned();
    encoder.attribute = attributes;
    model(vec![value("x", input, &["n"])], vec![encoder], vec![value("y", output.0, output.1)], vec![])
}

fn one_hot(input: DataType, attributes: Vec<AttributeProto>) -> ModelProto {
    graph("OneHotEncoder", input, (DataType::Float, &["n", "-"]), attributes)
}

fn labels(input: DataType, output: DataType, attributes: Vec<AttributeProto>) -> ModelProto {
    graph("LabelEncoder", input, (output, &["n"]), attributes)
}

fn refused(graph: &ModelProto) {
    let refused = derive(file(graph), &DeriveOptions::default()).err();
    assert!(matches!(refused, Some(LoadError::Compile(_))), "{refused:?}");
}

#[test]
fn categories_become_columns() {
    let known = load(&one_hot(DataType::Int64, vec![ints("cats_int64s", &[5, -1])]));
    assert_eq!(as_f32s(&run(&known, &[i64s("x", &[3], &[-1, 0, 5])])[0]), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    let cut = load(&one_hot(DataType::Float, vec![ints("cats_int64s", &[5, -1])]));
    assert_eq!(as_f32s(&run(&cut, &[f32s("x", &[2], &[-1.5, f32::NAN])])[0]), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn an_unknown_category_costs_one_request() {
    let strict =
        load(&one_hot(DataType::String, vec![strings("cats_strings", &["a", "b"]), int("zeros", 0)]));
    assert!(strict.compiled_for_all_shapes());
    let unknown = strict.admit(&[texts("x", &[b"a", b"c"])], &[]).unwrap();
    assert_eq!(strict.run(unknown).err(), Some(RunError::Failed));
    assert_eq!(as_f32s(&run(&strict, &[texts("x", &[b"b"])])[0]), [0.0, 1.0]);
}

#[test]
fn no_more_is_encoded_than_fits_in_a_record() {
    let categories: Vec<i64> = (0..40_000).collect();
    let mut wide = one_hot(DataType::Int64, vec![ints("cats_int64s", &categories)]);
    // Nothing of it reaches the answer but one sum for each row.
    let graph = wide.graph.as_mut().unwrap();
    graph.node[0].output = vec!["h".to_owned()];
    graph.node.push(node("ReduceMax", &["h"], &["y"]));
    graph.node[1].attribute = vec![ints("axes", &[1]), int("keepdims", 0)];
    graph.output = vec![value("y", DataType::Float, &["n"])];
    let wide = load(&wide);
    let rows = limits::MAX_ENCODED_CELLS / categories.len() + 1;
    let many = wide.admit(&[i64s("x", &[rows as u64], &vec![1; rows])], &[]).unwrap();
    assert_eq!(wide.run(many).err(), Some(RunError::Failed));
    assert_eq!(as_f32s(&run(&wide, &[i64s("x", &[2], &[0, -3])])[0]), [1.0, 0.0]);
}

#[test]
fn what_is_no_number_is_a_label_too() {
    let keys = vec![floats("keys_floats", &[f32::NAN, 0.0]), ints("values_int64s", &[7, 8])];
    let encoder = load(&labels(DataType::Float, DataType::Int64, keys));
    assert_eq!(as_i64s(&run(&encoder, &[f32s("x", &[3], &[-0.0, f32::NAN, 1.0])])[0]), [8, 7, -1]);
}

#[test]
fn the_first_version_encodes_and_decodes() {
    let classes = || vec![strings("classes_strings", &["a", "b"])];
    let encoder = load(&labels(DataType::String, DataType::Int64, classes()));
    assert_eq!(as_i64s(&run(&encoder, &[texts("x", &[b"b", b"c"])])[0]), [1, -1]);
    // Texts are of no size that follows from the model.
    let options = graphs::options(&[]);
    let decoder = labels(DataType::Int64, DataType::String, classes());
    assert!(matches!(derive(file(&decoder), &options), Err(LoadError::AnswerBound { .. })));
}

#[test]
fn lists_that_contradict_themselves_are_refused() {
    let double = TensorProto {
        dims: vec![1],
        data_type: DataType::Double as i32,
        double_data: vec![1.0],
        ..TensorProto::default()
    };
    for attributes in [
        vec![],
        vec![ints("cats_int64s", &[1, 2, 1])],
        vec![ints("cats_int64s", &[1]), strings("cats_strings", &["a"])],
        vec![strings("cats_strings", &["a"])],
        vec![floats("cats_floats", &[1.0])],
        vec![AttributeProto {
            strings: vec![vec![0xff]],
            ..attribute("cats_strings", AttributeType::Strings)
        }],
    ] {
        refused(&one_hot(DataType::Int64, attributes));
    }
    for attributes in [
        vec![],
        vec![ints("keys_int64s", &[1])],
        vec![ints("keys_int64s", &[1]), ints("values_int64s", &[1, 2])],
        vec![ints("keys_int64s", &[1, 1]), ints("values_int64s", &[1, 2])],
        vec![strings("keys_strings", &["a"]), ints("values_int64s", &[1])],
        vec![ints("keys_int64s", &[1]), strings("values_strings", &["a"])],
        vec![ints("keys_int64s", &[1]), ints("values_int64s", &[1]), tensor("default_tensor", double)],
        vec![tensor("keys_tensor", TensorProto::default()), ints("values_int64s", &[1])],
    ] {
        let graph = labels(DataType::Int64, DataType::Int64, attributes);
        let refused = derive(file(&graph), &DeriveOptions::default()).err();
        assert!(refused.is_some());
    }
}
