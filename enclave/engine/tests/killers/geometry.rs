//! Windows, axes and places that are none.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, TensorProto};

use super::{Case, End, case, int, ints, of_x, on_x, one, with};
use crate::graphs::{f32s, floats, i64s, ints as weight, node, value};

fn conv(attributes: Vec<AttributeProto>) -> ModelProto {
    of_x(
        &["1", "2", "8", "8"],
        with(on_x("Conv"), attributes),
        4,
        vec![floats("w", &[2, 2, 3, 3], &[1.0; 36])],
    )
}

fn pool(operator: &str, attributes: Vec<AttributeProto>) -> ModelProto {
    of_x(&["1", "1", "8", "8"], with(node(operator, &["x"], &["y"]), attributes), 4, vec![])
}

fn on_square(operator: &str, attributes: Vec<AttributeProto>, weights: Vec<TensorProto>) -> ModelProto {
    let node = if weights.is_empty() { node(operator, &["x"], &["y"]) } else { on_x(operator) };
    of_x(&["2", "4"], with(node, attributes), 2, weights)
}

fn gather(ids: Option<i64>) -> ModelProto {
    let table = floats("table", &[3, 1], &[10.0, 11.0, 12.0]);
    let node = node("Gather", &["table", "ids"], &["y"]);
    let mut model = one(vec![], node, (DataType::Float, &["1", "1"]), vec![table]);
    let graph = model.graph.as_mut().unwrap();
    match ids {
        Some(id) => {
            graph.initializer.push(weight("ids", &[id]));
            graph.input.push(value("x", DataType::Float, &["1"]));
            graph.node[0].output = vec!["row".to_owned()];
            graph.node.push(crate::graphs::node("Add", &["row", "x"], &["y"]));
        }
        None => graph.input.push(value("ids", DataType::Int64, &["1"])),
    }
    model
}

fn top_k(k: Option<i64>) -> ModelProto {
    let mut model = of_x(&["4"], node("TopK", &["x", "k"], &["y", "places"]), 1, vec![]);
    let graph = model.graph.as_mut().unwrap();
    match k {
        Some(k) => graph.initializer.push(weight("k", &[k])),
        None => graph.input.push(value("k", DataType::Int64, &["1"])),
    }
    model
}

fn slice(starts: i64, ends: i64, steps: i64) -> ModelProto {
    let weights =
        vec![weight("s", &[starts]), weight("e", &[ends]), weight("a", &[0]), weight("t", &[steps])];
    of_x(&["4"], node("Slice", &["x", "s", "e", "a", "t"], &["y"]), 1, weights)
}

fn x() -> Vec<strongroom_seal::tensor::Tensor<'static>> {
    vec![f32s("x", &[4], &[1.0, 2.0, 3.0, 4.0])]
}

pub fn cases() -> Vec<Case> {
    let load = |name, model, said| case(name, model, vec![], End::Load(said));
    let broke = |name, model, operator| case(name, model, vec![], End::Broke(operator));
    let mut cases = vec![
        load("conv, stride 0", conv(vec![ints("strides", &[0, 1])]), "strides"),
        load("conv, stride -1", conv(vec![ints("strides", &[-1, 1])]), "strides"),
        load("conv, dilation 0", conv(vec![ints("dilations", &[0, 1])]), "dilations"),
        load("conv, dilation huge", conv(vec![ints("dilations", &[1 << 62, 1])]), "dilations"),
        load("conv, kernel 0", conv(vec![ints("kernel_shape", &[0, 3])]), "kernel_shape"),
        load("conv, group 0", conv(vec![int("group", 0)]), "group"),
        load("conv, group -1", conv(vec![int("group", -1)]), "group"),
        load("conv, pads huge", conv(vec![ints("pads", &[1 << 40, 0, 0, 0])]), "pads"),
        load("conv, group 3", conv(vec![int("group", 3)]), "cannot compile"),
        broke("conv, one stride for two axes", conv(vec![ints("strides", &[1])]), "ConvHir"),
        load(
            "conv, more axes than there are",
            conv(vec![ints("kernel_shape", &[3, 3, 3, 3, 3])]),
            "cannot compile",
        ),
        load("max pool, kernel 0", pool("MaxPool", vec![ints("kernel_shape", &[0, 2])]), "kernel_shape"),
        load(
            "max pool, stride 0",
            pool("MaxPool", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[0, 0])]),
            "strides",
        ),
        load(
            "max pool, dilation 0",
            pool("MaxPool", vec![ints("kernel_shape", &[2, 2]), ints("dilations", &[0, 1])]),
            "dilations",
        ),
        load(
            "max pool, kernel huge",
            pool("MaxPool", vec![ints("kernel_shape", &[1 << 40, 1 << 40])]),
            "kernel_shape",
        ),
        case(
            "max pool, kernel larger than the image",
            pool("MaxPool", vec![ints("kernel_shape", &[12, 12])]),
            vec![f32s("x", &[1, 1, 8, 8], &[1.0; 64])],
            End::Load("kernel_shape"),
        ),
        load("max pool, no kernel", pool("MaxPool", vec![]), "cannot compile"),
        load(
            "average pool, kernel 0",
            pool("AveragePool", vec![ints("kernel_shape", &[0, 2])]),
            "kernel_shape",
        ),
        load(
            "average pool, stride 0",
            pool("AveragePool", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[0, 0])]),
            "strides",
        ),
        load(
            "depth to space, 0",
            of_x(
                &["1", "4", "2", "2"],
                with(node("DepthToSpace", &["x"], &["y"]), vec![int("blocksize", 0)]),
                4,
                vec![],
            ),
            "blocksize",
        ),
        load(
            "space to depth, 0",
            of_x(
                &["1", "4", "2", "2"],
                with(node("SpaceToDepth", &["x"], &["y"]), vec![int("blocksize", 0)]),
                4,
                vec![],
            ),
            "blocksize",
        ),
        load("transpose, an axis twice", on_square("Transpose", vec![ints("perm", &[0, 0])], vec![]), "perm"),
        load("transpose, no such axis", on_square("Transpose", vec![ints("perm", &[0, 5])], vec![]), "perm"),
        load(
            "transpose, a negative axis",
            on_square("Transpose", vec![ints("perm", &[0, -1])], vec![]),
            "perm",
        ),
        load(
            "transpose, too few axes",
            on_square("Transpose", vec![ints("perm", &[0])], vec![]),
            "cannot compile",
        ),
        load("concat, no such axis", on_square("Concat", vec![int("axis", 7)], vec![]), "cannot compile"),
        load(
            "concat of nothing",
            one(
                vec![value("x", DataType::Float, &["1"])],
                with(node("Concat", &[], &["y"]), vec![int("axis", 0)]),
                (DataType::Float, &["1"]),
                vec![],
            ),
            "cannot compile",
        ),
        load(
            "softmax, no such axis",
            on_square("Softmax", vec![int("axis", 7)], vec![]),
            "a softmax along an axis",
        ),
        broke("flatten, no such axis", on_square("Flatten", vec![int("axis", -9)], vec![]), "Flatten"),
        broke(
            "reduce, no such axis",
            on_square("ReduceMax", vec![ints("axes", &[7])], vec![]),
            "Reduce<Max>",
        ),
        broke(
            "reduce, an axis far away",
            on_square("ReduceMax", vec![ints("axes", &[i64::MIN])], vec![]),
            "Reduce<Max>",
        ),
        broke(
            "reduce sum, no such axis",
            on_square("ReduceSum", vec![], vec![weight("w", &[7])]),
            "Reduce13",
        ),
        broke(
            "arg max, no such axis",
            on_square("ArgMax", vec![int("axis", 7)], vec![]),
            "Reduce<ArgMax(false)>",
        ),
        broke(
            "unsqueeze, no such axis",
            on_square("Unsqueeze", vec![], vec![weight("w", &[1 << 40])]),
            "Unsqueeze13",
        ),
        load(
            "squeeze, an axis that is not of one",
            on_square("Squeeze", vec![], vec![weight("w", &[1])]),
            "cannot compile",
        ),
        load(
            "cumsum, no such axis",
            on_square("CumSum", vec![], vec![TensorProto { dims: vec![], ..weight("w", &[9]) }]),
            "cannot compile",
        ),
        load("reshape, negative", on_square("Reshape", vec![], vec![weight("w", &[-5])]), "'Reshape'"),
        load(
            "reshape, two unknowns",
            on_square("Reshape", vec![], vec![weight("w", &[-1, -1])]),
            "cannot compile",
        ),
        load(
            "reshape, another number of cells",
            on_square("Reshape", vec![], vec![weight("w", &[3, 3])]),
            "cannot compile",
        ),
        load(
            "reshape, wraps",
            on_square("Reshape", vec![], vec![weight("w", &[1 << 32, 1 << 32])]),
            "'Reshape'",
        ),
        load("split into none", on_square("Split", vec![int("num_outputs", 0)], vec![]), "num_outputs"),
        load("split, other sizes", on_square("Split", vec![], vec![weight("w", &[1 << 62])]), "Split13"),
        load("gather, no such axis", with_axis(9), "cannot compile"),
        broke("gather, outside the table", gather(Some(3)), "Gather"),
        broke("gather, far outside the table", gather(Some(1 << 62)), "Gather"),
        case(
            "gather, from the end",
            gather(Some(-1)),
            vec![f32s("x", &[1], &[0.0])],
            End::Answer("[1, 1] [0, 0, 64, 65]"),
        ),
        load("top k, more than there are", top_k(Some(5)), "'Topk'"),
        load("top k, negative", top_k(Some(-1)), "'Topk'"),
        load("top k, huge", top_k(Some(1 << 62)), "'Topk'"),
        case(
            "slice of everything",
            slice(i64::MIN, i64::MAX, 1),
            x(),
            End::Answer("[4] [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64]"),
        ),
        case("slice of nothing", slice(i64::MAX, i64::MIN, 1), x(), End::Load("'StridedSlice'")),
        load("slice, step 0", slice(0, 4, 0), "'StridedSlice'"),
        case("slice, longest step", slice(0, i64::MAX, i64::MAX), x(), End::Answer("[1] [0, 0, 128, 63]")),
        load("slice, longest step back", slice(i64::MAX, i64::MIN, i64::MIN), "'StridedSlice'"),
    ];
    for (name, id, end) in [
        ("gather asked, outside the table", 3, End::Run("a length, a step or a number")),
        ("gather asked, far outside the table", 1 << 62, End::Run("a length, a step or a number")),
        ("gather asked, far before the table", i64::MIN, End::Run("a length, a step or a number")),
        ("gather asked, just before the table", -4, End::Run("a length, a step or a number")),
        ("gather asked, from the end", -1, End::Answer("[1, 1] [0, 0, 64, 65]")),
    ] {
        cases.push(case(name, gather(None), vec![i64s("ids", &[1], &[id])], end));
    }
    for (name, k) in [("top k asked, more", 5), ("top k asked, negative", -1), ("top k asked, huge", 1 << 62)]
    {
        let inputs = x().into_iter().chain([i64s("k", &[1], &[k])]).collect();
        cases.push(case(name, top_k(None), inputs, End::Run("a length, a step or a number")));
    }
    cases
}

fn with_axis(axis: i64) -> ModelProto {
    let mut model = gather(None);
    model.graph.as_mut().unwrap().node[0].attribute = vec![int("axis", axis)];
    model
}
