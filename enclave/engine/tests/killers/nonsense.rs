//! Graphs that go on for too long, and what contradicts itself.

use std::time::Duration;

use strongroom_engine::limits::{MAX_GRAPH_DEPTH, MAX_NODES};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto};

use super::{Case, End, case, int, of_x, one, text, with};
use crate::graphs::{attribute, f32s, floats, model, node, value};

fn chain(nodes: usize) -> ModelProto {
    let name = |i: usize| if i == nodes { "y".to_owned() } else { format!("n{i}") };
    let nodes = (0..nodes).map(|i| node("Neg", &[&name(i)], &[&name(i + 1)])).collect();
    model(
        vec![value("n0", DataType::Float, &["1"])],
        nodes,
        vec![value("y", DataType::Float, &["1"])],
        vec![],
    )
}

/// Graphs in graphs.
fn nested(depth: usize) -> ModelProto {
    let mut body = GraphProto {
        node: vec![node("Identity", &["x"], &["y"])],
        output: vec![value("y", DataType::Float, &["1"])],
        name: "body".to_owned(),
        ..GraphProto::default()
    };
    for _ in 1..depth {
        let branch = |name| AttributeProto { g: Some(body.clone()), ..attribute(name, AttributeType::Graph) };
        let either = with(node("If", &["c"], &["y"]), vec![branch("then_branch"), branch("else_branch")]);
        body = GraphProto { node: vec![either], ..body };
    }
    let mut model = of_x(&["1"], node("Identity", &["x"], &["y"]), 1, vec![]);
    let graph = model.graph.as_mut().unwrap();
    graph.node = body.node;
    graph.input.push(value("c", DataType::Bool, &[]));
    model
}

/// A loop that goes on for a very long time.
fn looped() -> ModelProto {
    let body = GraphProto {
        name: "body".to_owned(),
        input: vec![
            value("i", DataType::Int64, &[]),
            value("c", DataType::Bool, &[]),
            value("v", DataType::Float, &["1"]),
        ],
        node: vec![node("Identity", &["c"], &["d"]), node("Neg", &["v"], &["w"])],
        output: vec![value("d", DataType::Bool, &[]), value("w", DataType::Float, &["1"])],
        ..GraphProto::default()
    };
    let body = AttributeProto { g: Some(body), ..attribute("body", AttributeType::Graph) };
    let trips = TensorProto { dims: vec![], ..crate::graphs::ints("trips", &[1 << 62]) };
    of_x(&["1"], with(node("Loop", &["trips", "", "x"], &["y"]), vec![body]), 1, vec![trips])
}

fn lstm(hidden: i64, rows: i64) -> ModelProto {
    let count = |dims: &[i64]| usize::try_from(dims.iter().product::<i64>()).unwrap();
    let zeros = |name: &str, dims: &[i64]| floats(name, dims, &vec![0.0; count(dims)]);
    let node = with(node("LSTM", &["x", "w", "r"], &["y"]), vec![int("hidden_size", hidden)]);
    of_x(&["3", "1", "2"], node, 4, vec![zeros("w", &[1, rows, 2]), zeros("r", &[1, rows, 2])])
}

fn einsum(equation: &str) -> ModelProto {
    of_x(&["2", "2"], with(node("Einsum", &["x", "x"], &["y"]), vec![text("equation", equation)]), 2, vec![])
}

fn not_utf8() -> ModelProto {
    let w = TensorProto {
        name: "w".to_owned(),
        dims: vec![1],
        data_type: DataType::String as i32,
        string_data: vec![vec![0xff, 0xfe]],
        ..TensorProto::default()
    };
    one(
        vec![value("x", DataType::String, &["1"])],
        node("Concat", &["x", "w"], &["y"]),
        (DataType::String, &["2"]),
        vec![w],
    )
}

pub fn cases() -> Vec<Case> {
    let load = |name, model, said| case(name, model, vec![], End::Load(said));
    let mut too_long = load("chain of 20 000", chain(20_000), "nodes");
    too_long.within = Some(Duration::from_secs(1));
    let mut long = case(
        "chain as long as allowed",
        chain(MAX_NODES),
        vec![f32s("n0", &[1], &[1.0])],
        End::Answer("[1] [0, 0, 128, 63]"),
    );
    long.within = Some(Duration::from_secs(20));
    let mut cases = vec![
        too_long,
        long,
        load("graphs in graphs", nested(MAX_GRAPH_DEPTH + 1), "nested"),
        load("loop", looped(), "Loop"),
        load("lstm of nothing", lstm(0, 8), "hidden_size"),
        load("lstm of less than nothing", lstm(-1, 8), "hidden_size"),
        load("lstm, other weights", lstm(2, 7), "cannot compile"),
        load("lstm, other hidden size", lstm(5, 8), "hidden_size"),
        load("not utf-8", not_utf8(), "cannot compile"),
    ];
    for (name, equation, said) in [
        ("einsum of nothing", "", "cannot compile"),
        ("einsum, no arrow", "ijk", "cannot compile"),
        ("einsum, other axes", "ijk,kl->il", "cannot compile"),
        ("einsum, an axis from nowhere", "ij,jk->iz", "equation"),
        ("einsum, three inputs", "ij,jk,kl->il", "cannot compile"),
        ("einsum, signs", "💥->->,,", "equation"),
    ] {
        cases.push(load(name, einsum(equation), said));
    }
    cases
}
