//! What would take more memory than there is.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};

use super::{Case, End, case, of_x, on_x, one, with};
use crate::graphs::{attribute, f32s, floats, i64s, ints, node, value};

const TERA: i64 = 1 << 40;
const HUGE: i64 = 1 << 62;

fn scalar(name: &str, value: i64) -> TensorProto {
    TensorProto { dims: vec![], ..ints(name, &[value]) }
}

fn float(name: &str, value: f32) -> TensorProto {
    floats(name, &[], &[value])
}

/// The type is said: where it is not, tract takes doubles.
fn zeros(shape: &str, output: &str) -> tract_onnx::pb::NodeProto {
    let zero = tract_onnx::pb::AttributeProto {
        t: Some(floats("", &[1], &[0.0])),
        ..attribute("value", AttributeType::Tensor)
    };
    with(node("ConstantOfShape", &[shape], &[output]), vec![zero])
}

/// The shape is a weight; `x` is added so that the model has an input.
fn constant_of_shape(shape: &[i64]) -> ModelProto {
    let open: Vec<String> = (0..shape.len()).map(|axis| format!("out_{axis}")).collect();
    let open: Vec<&str> = open.iter().map(String::as_str).collect();
    crate::graphs::model(
        vec![value("x", DataType::Float, &["1"])],
        vec![zeros("shape", "ones"), node("Add", &["ones", "x"], &["y"])],
        vec![value("y", DataType::Float, &open)],
        vec![ints("shape", shape)],
    )
}

fn range(start: TensorProto, limit: TensorProto, delta: TensorProto) -> ModelProto {
    let dtype = DataType::try_from(limit.data_type).unwrap();
    crate::graphs::model(
        vec![value("x", dtype, &["1"])],
        vec![node("Range", &["s", "l", "d"], &["r"]), node("Add", &["r", "x"], &["y"])],
        vec![value("y", dtype, &["out"])],
        vec![start, limit, delta],
    )
}

/// Start 0, the rest is asked for.
fn range_asked() -> ModelProto {
    one(
        vec![value("l", DataType::Int64, &[]), value("d", DataType::Int64, &[])],
        node("Range", &["s", "l", "d"], &["y"]),
        (DataType::Int64, &["out"]),
        vec![scalar("s", 0)],
    )
}

fn range_of_floats_asked() -> ModelProto {
    one(
        vec![value("l", DataType::Float, &[]), value("d", DataType::Float, &[])],
        node("Range", &["s", "l", "d"], &["y"]),
        (DataType::Float, &["out"]),
        vec![float("s", 0.0)],
    )
}

fn asked(operator: &str, w: &[&str], rank: usize) -> ModelProto {
    let mut model = of_x(&["4"], on_x(operator), rank, vec![]);
    model.graph.as_mut().unwrap().input.push(value("w", DataType::Int64, w));
    model
}

fn x() -> strongroom_seal::tensor::Tensor<'static> {
    f32s("x", &[4], &[1.0, 2.0, 3.0, 4.0])
}

fn one_x() -> Vec<strongroom_seal::tensor::Tensor<'static>> {
    vec![f32s("x", &[1], &[1.0])]
}

fn one_hot(depth: Option<i64>) -> ModelProto {
    let mut model = one(
        vec![value("x", DataType::Int64, &["2"])],
        node("OneHot", &["x", "depth", "values"], &["y"]),
        (DataType::Float, &["2", "out"]),
        vec![floats("values", &[2], &[0.0, 1.0])],
    );
    let graph = model.graph.as_mut().unwrap();
    match depth {
        Some(depth) => graph.initializer.push(ints("depth", &[depth])),
        None => graph.input.push(value("depth", DataType::Int64, &["1"])),
    }
    model
}

/// A resize of an image by weights, or by what is asked for.
fn resize(scales: Option<&[f32]>) -> ModelProto {
    let mut model = of_x(&["1", "1", "4", "4"], node("Resize", &["x", "", "w"], &["y"]), 4, vec![]);
    let graph = model.graph.as_mut().unwrap();
    match scales {
        Some(scales) => graph.initializer.push(floats("w", &[4], scales)),
        None => graph.input.push(value("w", DataType::Float, &["4"])),
    }
    model
}

fn image() -> strongroom_seal::tensor::Tensor<'static> {
    f32s("x", &[1, 1, 4, 4], &[1.0; 16])
}

fn weights(operator: &str, w: &[i64], rank: usize) -> ModelProto {
    of_x(&["4"], on_x(operator), rank, vec![ints("w", w)])
}

/// Each squares the number of cells: a vector against itself, and so on.
fn outer_products() -> ModelProto {
    let nodes = vec![
        node("Reshape", &["x", "column"], &["c0"]),
        node("Mul", &["c0", "x"], &["p0"]),
        node("Reshape", &["p0", "column"], &["c1"]),
        node("Reshape", &["p0", "row"], &["r1"]),
        node("Mul", &["c1", "r1"], &["p1"]),
        node("ReduceSum", &["p1"], &["y"]),
    ];
    crate::graphs::model(
        vec![value("x", DataType::Float, &["n"])],
        nodes,
        vec![value("y", DataType::Float, &["1", "1"])],
        vec![ints("column", &[-1, 1]), ints("row", &[1, -1])],
    )
}

fn ids() -> strongroom_seal::tensor::Tensor<'static> {
    i64s("x", &[2], &[0, 1])
}

/// Three products, of 2^42 multiplications each.
fn products() -> ModelProto {
    let product = |step: usize| {
        let before = format!("t{}", step - 1);
        node("MatMul", &[&before, &before], &[&format!("t{step}")])
    };
    let mut nodes = vec![node("Expand", &["x", "shape"], &["t0"])];
    nodes.extend((1..=3).map(product));
    nodes.push(node("ReduceMax", &["t3"], &["y"]));
    crate::graphs::model(
        vec![value("x", DataType::Float, &["1"])],
        nodes,
        vec![value("y", DataType::Float, &["1", "1"])],
        vec![ints("shape", &[1 << 14, 1 << 14])],
    )
}

/// Ten products of a column and a row, a GiB each. All of them are multiplied with a number that is known when all are there.
fn all_at_once() -> ModelProto {
    const TENSORS: u16 = 10;
    let mut nodes = Vec::new();
    for step in 0..TENSORS {
        nodes.push(node("MatMul", &["x", &format!("r{step}")], &[&format!("t{step}")]));
        nodes.push(node("ReduceMax", &[&format!("t{step}")], &[&format!("m{step}")]));
    }
    nodes.extend(sum("m", "z"));
    for step in 0..TENSORS {
        nodes.push(node("Mul", &[&format!("t{step}"), "z"], &[&format!("v{step}")]));
        nodes.push(node("ReduceMax", &[&format!("v{step}")], &[&format!("w{step}")]));
    }
    nodes.extend(sum("w", "y"));
    // Other numbers in each, or they would be one.
    let numbers = |step: u16| (0..1_u16 << 14).map(|at| f32::from(at + step)).collect::<Vec<_>>();
    let row = |step: u16| floats(&format!("r{step}"), &[1, 1 << 14], &numbers(step));
    return crate::graphs::model(
        vec![value("x", DataType::Float, &["16384", "1"])],
        nodes,
        vec![value("y", DataType::Float, &["1", "1"])],
        (0..TENSORS).map(row).collect(),
    );

    fn sum(of: &str, into: &str) -> Vec<tract_onnx::pb::NodeProto> {
        let name = |step: u16| if step == TENSORS - 1 { into.to_owned() } else { format!("{of}+{step}") };
        let before = |step: u16| if step == 1 { format!("{of}0") } else { name(step - 1) };
        let add = |step| node("Add", &[&before(step), &format!("{of}{step}")], &[&name(step)]);
        (1..TENSORS).map(add).collect()
    }
}

pub fn cases() -> Vec<Case> {
    let said = |name: &'static str| match name.split([',', ' ']).next() {
        Some("constant") => "'ConstantOfShape'",
        Some("range") => "'Range'",
        Some("tile" | "tiles") => "'Tile'",
        Some("expand") => "'MultiBroadcastTo'",
        Some("pad") => "'Pad'",
        Some("one") => "'OneHot'",
        Some("resize") => "'Resize'",
        _ => "'ConstantOfShape'",
    };
    let load = |name, model| case(name, model, vec![], End::Load(said(name)));
    vec![
        case("more multiplications than a run may take", products(), vec![], End::Load("one run would hold")),
        case(
            "more tensors at once than a run may hold",
            all_at_once(),
            vec![],
            End::Load("one run would hold"),
        ),
        load("constant of shape, tera", constant_of_shape(&[TERA])),
        load("constant of shape, huge", constant_of_shape(&[HUGE])),
        load("constant of shape, product", constant_of_shape(&[1 << 24, 1 << 24, 1 << 24])),
        load("constant of shape, wraps to nothing", constant_of_shape(&[1 << 32, 1 << 32])),
        load("constant of shape, negative", constant_of_shape(&[-4])),
        load("range, huge", range(scalar("s", 0), scalar("l", HUGE), scalar("d", 1))),
        load("range, step 0", range(scalar("s", 0), scalar("l", 4), scalar("d", 0))),
        load("range, tera of floats", range(float("s", 0.0), float("l", 1e12), float("d", 1.0))),
        load("range, no number of a step", range(float("s", 0.0), float("l", 4.0), float("d", f32::NAN))),
        load("range, step 0 of floats", range(float("s", 0.0), float("l", 4.0), float("d", 0.0))),
        load("range, without end", range(float("s", 0.0), float("l", f32::INFINITY), float("d", 1.0))),
        case(
            "range asked, huge",
            range_asked(),
            vec![i64s("l", &[], &[HUGE]), i64s("d", &[], &[1])],
            End::Run("a length, a step or a number"),
        ),
        case(
            "range asked, step 0",
            range_asked(),
            vec![i64s("l", &[], &[4]), i64s("d", &[], &[0])],
            End::Run("a length, a step or a number"),
        ),
        case(
            "range asked, backwards by the smallest number",
            range_asked(),
            vec![i64s("l", &[], &[i64::MIN]), i64s("d", &[], &[-1])],
            End::Run("a length, a step or a number"),
        ),
        case(
            "range asked, no number of a step",
            range_of_floats_asked(),
            vec![f32s("l", &[], &[4.0]), f32s("d", &[], &[f32::NAN])],
            End::Run("a length, a step or a number"),
        ),
        case(
            "range asked, tiny step",
            range_of_floats_asked(),
            vec![f32s("l", &[], &[4.0]), f32s("d", &[], &[1e-30])],
            End::Run("a length, a step or a number"),
        ),
        load("tile, tera", weights("Tile", &[TERA], 1)),
        load("tile, wraps to nothing", weights("Tile", &[HUGE], 1)),
        load("tile, negative", weights("Tile", &[-1], 1)),
        case(
            "tile asked, tera",
            asked("Tile", &["1"], 1),
            vec![x(), i64s("w", &[1], &[TERA])],
            End::Load("cannot compile"),
        ),
        case(
            "tile asked, wraps",
            asked("Tile", &["1"], 1),
            vec![x(), i64s("w", &[1], &[HUGE])],
            End::Load("cannot compile"),
        ),
        case(
            "tile asked, negative",
            asked("Tile", &["1"], 1),
            vec![x(), i64s("w", &[1], &[-1])],
            End::Load("cannot compile"),
        ),
        load("expand, 2^72", weights("Expand", &[1 << 35, 1 << 35, 4], 3)),
        load("expand, wraps to nothing", weights("Expand", &[1 << 32, 1 << 32, 4], 3)),
        load("expand, negative", weights("Expand", &[-2, 4], 2)),
        case(
            "expand asked, 2^72",
            asked("Expand", &["3"], 3),
            vec![x(), i64s("w", &[3], &[1 << 35, 1 << 35, 4])],
            End::Load("cannot compile"),
        ),
        case(
            "constant of shape asked",
            one(
                vec![value("w", DataType::Int64, &["1"])],
                node("ConstantOfShape", &["w"], &["y"]),
                (DataType::Float, &["out"]),
                vec![],
            ),
            vec![i64s("w", &[1], &[TERA])],
            End::Load("cannot compile"),
        ),
        load("pad, tera", weights("Pad", &[0, TERA], 1)),
        load("pad, huge", weights("Pad", &[HUGE, HUGE], 1)),
        load("pad, more taken than there is", weights("Pad", &[-3, -3], 1)),
        load("pad, the smallest number", weights("Pad", &[i64::MIN, 0], 1)),
        case(
            "pad asked, tera",
            asked("Pad", &["2"], 1),
            vec![x(), i64s("w", &[2], &[0, TERA])],
            End::Load("cannot compile"),
        ),
        load("one hot, tera", one_hot(Some(TERA))),
        load("one hot, negative", one_hot(Some(-3))),
        case(
            "one hot asked",
            one_hot(None),
            vec![ids(), i64s("depth", &[1], &[TERA])],
            End::Load("cannot compile"),
        ),
        load("resize, 0", resize(Some(&[1.0, 1.0, 0.0, 0.0]))),
        load("resize, no number", resize(Some(&[1.0, 1.0, f32::NAN, 1.0]))),
        load("resize, 1e30", resize(Some(&[1.0, 1.0, 1e30, 1.0]))),
        load("resize, negative", resize(Some(&[1.0, 1.0, -2.0, 1.0]))),
        case(
            "resize, 1e5 each way",
            resize(Some(&[1.0, 1.0, 1e5, 1e5])),
            vec![image()],
            End::Load("NearestUpsample"),
        ),
        case(
            "resize asked, 1e30",
            resize(None),
            vec![image(), f32s("w", &[4], &[1.0, 1.0, 1e30, 1.0])],
            End::Load("cannot compile"),
        ),
        Case {
            range: Some((1, 4096)),
            ..case(
                "outer products",
                outer_products(),
                vec![f32s("x", &[4096], &[1.0; 4096])],
                End::Run("memory"),
            )
        },
        Case {
            range: Some((1, 4096)),
            ..case(
                "outer products of a few",
                outer_products(),
                vec![f32s("x", &[2], &[1.0; 2])],
                End::Answer("[1, 1] [0, 0, 128, 65]"),
            )
        },
        load(
            "tiles on tiles",
            crate::graphs::model(
                vec![value("x", DataType::Float, &["4"])],
                (0..40)
                    .map(|i| {
                        node(
                            "Tile",
                            &[&if i == 0 { "x".to_owned() } else { format!("t{i}") }, "w"],
                            &[&if i == 39 { "y".to_owned() } else { format!("t{}", i + 1) }],
                        )
                    })
                    .collect(),
                vec![value("y", DataType::Float, &["out"])],
                vec![ints("w", &[2])],
            ),
        ),
        load("many constants", many_constants()),
        case("one x", constant_of_shape(&[1]), one_x(), End::Answer("[1] [0, 0, 128, 63]")),
    ]
}

/// Each within bounds, all of them not.
fn many_constants() -> ModelProto {
    let name = |i: usize| format!("c{i}");
    let sum = |i: usize| {
        if i == 0 {
            "x".to_owned()
        } else if i == 64 {
            "y".to_owned()
        } else {
            format!("s{i}")
        }
    };
    let nodes = (0..64).flat_map(|i| {
        [zeros(&format!("shape{i}"), &name(i)), node("Add", &[&name(i), &sum(i)], &[&sum(i + 1)])]
    });
    crate::graphs::model(
        vec![value("x", DataType::Float, &["1"])],
        nodes.collect(),
        vec![value("y", DataType::Float, &["out"])],
        (0..64).map(|i| ints(&format!("shape{i}"), &[(200 << 20) / 4 - i])).collect(),
    )
}
