//! The models and inputs that are made to break the engine, and how each must end.

#![allow(unreachable_pub, reason = "helpers of a test")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail with the test"
)]

mod geometry;
mod large;
mod nonsense;

use std::time::Duration;

use strongroom_seal::tensor::Tensor;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::graphs::{attribute, model, node, value};

/// How a case must end, with a part of what must be said of it.
#[derive(Clone, Copy)]
pub enum End {
    /// It is not loaded, and the reason is told.
    Load(&'static str),
    /// It is not loaded: tract panics at this operator, which costs the load and nothing else.
    Broke(&'static str),
    /// It is loaded, and not answered.
    Run(&'static str),
    /// It is answered so: shape and first bytes.
    Answer(&'static str),
}

pub struct Case {
    pub name: &'static str,
    pub model: ModelProto,
    pub inputs: Vec<Tensor<'static>>,
    pub end: End,
    /// The smallest and largest value of its symbol `n`, where it is stated.
    pub range: Option<(u64, u64)>,
    /// Less time than others get, or more.
    pub within: Option<Duration>,
}

pub fn case(name: &'static str, model: ModelProto, inputs: Vec<Tensor<'static>>, end: End) -> Case {
    Case { name, model, inputs, end, range: None, within: None }
}

/// All cases.
pub fn cases() -> Vec<Case> {
    [large::cases(), geometry::cases(), nonsense::cases()].into_iter().flatten().collect()
}

pub fn with(mut node: NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    node.attribute = attributes;
    node
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

pub fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { s: text.into(), ..attribute(name, AttributeType::String) }
}

/// One node that makes `y`.
pub fn one(
    inputs: Vec<ValueInfoProto>,
    node: NodeProto,
    output: (DataType, &[&str]),
    weights: Vec<TensorProto>,
) -> ModelProto {
    model(inputs, vec![node], vec![value("y", output.0, output.1)], weights)
}

/// `y = operator(x, …weights)` of floats, the shape of `y` left open.
pub fn of_x(dims: &[&str], node: NodeProto, rank: usize, weights: Vec<TensorProto>) -> ModelProto {
    let open: Vec<String> = (0..rank).map(|axis| format!("out_{axis}")).collect();
    let open: Vec<&str> = open.iter().map(String::as_str).collect();
    one(vec![value("x", DataType::Float, dims)], node, (DataType::Float, &open), weights)
}

/// `y = operator(x, w)` for a few operators that take two inputs.
pub fn on_x(operator: &str) -> NodeProto {
    node(operator, &["x", "w"], &["y"])
}
