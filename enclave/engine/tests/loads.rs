//! What loads, what is refused and with which error.

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

use graphs::{
    attribute, file, floats, gather, identity, interface, load, matmul, model, node, options, run, value,
};
use proptest::prelude::*;
use prost::Message as _;
use strongroom_engine::{DeriveOptions, LoadError, Model, OPERATORS_VERSION, derive, limits};
use strongroom_seal::model::{AnswerBound, Dim, DimRange, Interface};
use strongroom_seal::tensor::DType;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{AttributeProto, FunctionProto, ModelProto, StringStringEntryProto, TensorProto};
use zeroize::Zeroizing;

fn refusal(model: &ModelProto) -> LoadError {
    derive(file(model), &DeriveOptions::default()).expect_err("refused")
}

fn changed(change: impl FnOnce(&mut Interface)) -> LoadError {
    let mut interface = interface(&matmul());
    change(&mut interface);
    Model::load(file(&matmul()), &interface).err().expect("refused")
}

#[test]
fn the_interface_must_be_the_files() {
    assert_eq!(changed(|i| i.inputs[0].name = "z".into()), LoadError::Names { side: "inputs" });
    assert_eq!(changed(|i| i.outputs[0].name = "z".into()), LoadError::Names { side: "outputs" });
    assert_eq!(changed(|i| i.inputs[0].dtype = DType::Fp64), LoadError::DType { tensor: "x".into() });
    assert_eq!(changed(|i| i.outputs[0].dtype = DType::Int64), LoadError::DType { tensor: "y".into() });
    assert_eq!(changed(|i| i.inputs[0].shape[1] = Dim::Fixed(3)), LoadError::Shape { tensor: "x".into() });
    assert_eq!(changed(|i| i.outputs[0].shape[1] = Dim::Fixed(2)), LoadError::Shape { tensor: "y".into() });
    assert_eq!(
        changed(|i| i.inputs[0].shape[1] = Dim::Symbol("batch".into())),
        LoadError::Shape { tensor: "x".into() }
    );
    assert_eq!(changed(|i| drop(i.inputs[0].shape.pop())), LoadError::Shape { tensor: "x".into() });
    assert!(matches!(changed(|i| i.symbols.clear()), LoadError::Interface(_)));
}

#[test]
fn an_owner_may_declare_less_than_the_file_allows() {
    let mut interface = interface(&matmul());
    interface.inputs[0].shape[0] = Dim::Fixed(2);
    interface.symbols.clear();
    let model = Model::load(file(&matmul()), &interface).unwrap();
    assert_eq!(run(&model, &[graphs::f32s("x", &[2, 2], &[0.0; 4])])[0].shape, [2, 3]);
    assert!(model.admit(&[graphs::f32s("x", &[1, 2], &[0.0; 2])], &[]).is_err());
}

#[test]
fn no_data_outside_the_file() {
    let location = StringStringEntryProto { key: "location".into(), value: "/etc/hostname".into() };
    for tensor in [
        TensorProto { data_location: Some(DataLocation::External as i32), ..floats("w", &[2, 3], &[0.0; 6]) },
        TensorProto { external_data: vec![location], ..floats("w", &[2, 3], &[0.0; 6]) },
    ] {
        let mut as_weight = matmul();
        as_weight.graph.as_mut().unwrap().initializer = vec![tensor.clone()];
        assert_eq!(refusal(&as_weight), LoadError::ExternalData);
        let mut as_constant = matmul();
        let mut constant = node("Constant", &[], &["w"]);
        constant.attribute =
            vec![AttributeProto { t: Some(tensor), ..attribute("value", AttributeType::Tensor) }];
        let graph = as_constant.graph.as_mut().unwrap();
        graph.initializer.clear();
        graph.node.insert(0, constant);
        assert_eq!(refusal(&as_constant), LoadError::ExternalData);
        assert_eq!(
            Model::load(file(&as_constant), &interface(&matmul())).err(),
            Some(LoadError::ExternalData)
        );
    }
}

#[test]
fn an_operator_that_is_missing_is_named() {
    for operator in ["ZipMap", "DictVectorizer", "TfIdfVectorizer", "Loop"] {
        let mut graph = matmul();
        graph.graph.as_mut().unwrap().node[0].op_type = operator.into();
        let error = refusal(&graph);
        assert_eq!(error, LoadError::Operator { operator: operator.into() });
        assert!(error.to_string().contains(operator));
    }
    let mut foreign = matmul();
    foreign.graph.as_mut().unwrap().node[0].domain = "other".into();
    assert_eq!(refusal(&foreign), LoadError::Operator { operator: "other::MatMul".into() });
}

/// `y = x << x` of bytes: an operator that tract has and the list has not.
fn shift() -> ModelProto {
    let left = AttributeProto { s: b"LEFT".to_vec(), ..attribute("direction", AttributeType::String) };
    let mut shift = node("BitShift", &["x", "x"], &["y"]);
    shift.attribute = vec![left];
    let side = |name| vec![value(name, DataType::Uint8, &["2"])];
    model(side("x"), vec![shift], side("y"), vec![])
}

#[test]
fn an_operator_that_is_not_listed_needs_its_owners_word() {
    let error = refusal(&shift());
    assert_eq!(error, LoadError::Unlisted { operator: "BitShift".into() });
    assert!(error.to_string().contains(&format!("(list {OPERATORS_VERSION})")));
    let allowed = |name: &str| DeriveOptions { operators: vec![name.into()], ..DeriveOptions::default() };
    let (interface, _) = derive(file(&shift()), &allowed("BitShift")).unwrap();
    assert!(Model::load_with(file(&shift()), &interface, &["BitShift".into()]).is_ok());
    assert_eq!(Model::load(file(&shift()), &interface).err(), Some(error));
    let mut foreign = shift();
    foreign.graph.as_mut().unwrap().node[0].domain = "com.microsoft".into();
    let unlisted = LoadError::Unlisted { operator: "com.microsoft::BitShift".into() };
    assert_eq!(derive(file(&foreign), &allowed("BitShift")).err(), Some(unlisted));
    let mut lacking = shift();
    lacking.graph.as_mut().unwrap().node[0].op_type = "Loop".into();
    assert_eq!(
        derive(file(&lacking), &allowed("Loop")).err(),
        Some(LoadError::Operator { operator: "Loop".into() })
    );
}

#[test]
fn what_tract_would_leave_out_is_refused() {
    let functions = ModelProto { functions: vec![FunctionProto::default()], ..matmul() };
    assert!(matches!(refusal(&functions), LoadError::Feature(_)));
    assert_eq!(refusal(&ModelProto { graph: None, ..matmul() }), LoadError::Format);
    let mut lost = matmul();
    lost.graph.as_mut().unwrap().node.clear();
    assert_eq!(refusal(&lost), LoadError::Format);
}

#[test]
fn attributes_that_tract_does_not_heed_are_refused() {
    let text = |name, text: &str| AttributeProto { s: text.into(), ..attribute(name, AttributeType::String) };
    let int = |name, i| AttributeProto { i, ..attribute(name, AttributeType::Int) };
    let float = |name, f| AttributeProto { f, ..attribute(name, AttributeType::Float) };
    let activations = |names: &[&str]| {
        let strings = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        AttributeProto { strings, ..attribute("activations", AttributeType::Strings) }
    };
    let refused_as_a_feature = |operator: &str, attribute| {
        let mut graph = matmul();
        let node = &mut graph.graph.as_mut().unwrap().node[0];
        operator.clone_into(&mut node.op_type);
        node.attribute = vec![attribute];
        matches!(derive(file(&graph), &DeriveOptions::default()), Err(LoadError::Feature(_)))
    };
    for (operator, unheeded, heeded) in [
        ("LSTM", text("direction", "reverse"), text("direction", "bidirectional")),
        ("LSTM", int("input_forget", 1), int("input_forget", 0)),
        ("LSTM", activations(&["Sigmoid", "Tanh", "Relu"]), activations(&["sigmoid", "Tanh", "Tanh"])),
        ("GRU", activations(&["HardSigmoid", "Tanh"]), activations(&["Sigmoid", "Tanh", "Sigmoid", "Tanh"])),
        ("RNN", activations(&["Relu"]), activations(&["Tanh", "Tanh"])),
        ("RNN", float("clip", 1.0), int("hidden_size", 1)),
        ("Swish", float("alpha", 2.0), float("alpha", 1.0)),
        ("Celu", float("alpha", f32::NAN), float("alpha", 1.0)),
        ("SpaceToDepth", text("mode", "CRD"), text("mode", "DCR")),
        ("BatchNormalization", int("training_mode", 1), int("training_mode", 0)),
        ("QuantizeLinear", int("output_dtype", 3), int("output_dtype", 2)),
        ("DequantizeLinear", int("output_dtype", 10), int("output_dtype", 0)),
        ("Add", int("axis", 1), int("broadcast", 1)),
    ] {
        assert!(refused_as_a_feature(operator, unheeded), "{operator}");
        assert!(!refused_as_a_feature(operator, heeded), "{operator}");
    }
}

#[test]
fn nodes_are_counted() {
    let name = |i: usize| format!("n{i}");
    let nodes = (0..=limits::MAX_NODES).map(|i| node("Neg", &[&name(i)], &[&name(i + 1)])).collect();
    let last = name(limits::MAX_NODES + 1);
    let chain = model(
        vec![value("n0", DataType::Float, &["1"])],
        nodes,
        vec![value(&last, DataType::Float, &["1"])],
        vec![],
    );
    assert_eq!(refusal(&chain), LoadError::Nodes);
}

#[test]
fn a_tensor_that_contradicts_itself_is_refused() {
    let contradictions: [fn(&mut TensorProto); 5] = [
        |tensor| tensor.raw_data.truncate(23),
        |tensor| tensor.dims = vec![2, 4],
        |tensor| tensor.dims = vec![-2, -3],
        |tensor| tensor.dims = vec![i64::MAX, i64::MAX],
        |tensor| tensor.data_type = 999,
    ];
    for contradict in contradictions {
        let mut graph = matmul();
        contradict(&mut graph.graph.as_mut().unwrap().initializer[0]);
        assert_eq!(refusal(&graph), LoadError::Tensor);
    }
}

#[test]
fn a_model_that_does_not_compile_is_refused_without_its_names_in_the_message() {
    let mut graph = matmul();
    graph.graph.as_mut().unwrap().initializer[0].dims = vec![3, 2];
    let error = refusal(&graph);
    let LoadError::Compile(detail) = &error else { panic!("{error:?}") };
    assert!(!detail.reveal().is_empty());
    assert_eq!(format!("{error} {error:?}"), "the engine cannot compile the model Compile(Detail(..))");
}

#[test]
fn ranges_and_bounds_are_derived() {
    let (interface, answer) = derive(file(&matmul()), &DeriveOptions::default()).unwrap();
    assert_eq!(interface.symbols["batch"], DimRange { min: 1, max: limits::DEFAULT_SYMBOL_MAX });
    let bound = AnswerBound { names_bytes: 65, bytes_per_request_kib: 1536, max_bytes: 12 * 4096 };
    assert_eq!(answer, bound);
    let (interface, answer) = derive(file(&matmul()), &options(&[("batch", 2, 10)])).unwrap();
    assert_eq!((interface.symbols["batch"], answer.max_bytes), (DimRange { min: 2, max: 10 }, 120));
    let stray = derive(file(&matmul()), &options(&[("rows", 1, 2)])).err();
    assert_eq!(stray, Some(LoadError::Symbol { symbol: "rows".into() }));
    let stated = DeriveOptions { answer: Some(bound), ..DeriveOptions::default() };
    assert_eq!(derive(file(&matmul()), &stated).unwrap().1, bound);
}

#[test]
fn an_open_dimension_gets_a_name() {
    let (interface, _) =
        derive(file(&identity(DataType::Float, &["-", "2"])), &DeriveOptions::default()).unwrap();
    assert_eq!(interface.inputs[0].shape, [Dim::Symbol("x.0".into()), Dim::Fixed(2)]);
    assert_eq!(interface.outputs[0].shape, [Dim::Symbol("y.0".into()), Dim::Fixed(2)]);
}

/// Two columns, `a` and `b`, and what an operator makes of them.
fn columns(operator: &str, attributes: Vec<AttributeProto>) -> ModelProto {
    let column = |name| value(name, DataType::Float, &["-", "1"]);
    let mut made = node(operator, &["a", "b"], &["y"]);
    made.attribute = attributes;
    model(vec![column("a"), column("b")], vec![made], vec![value("y", DataType::Float, &["-", "-"])], vec![])
}

fn beside() -> ModelProto {
    columns("Concat", vec![AttributeProto { i: 1, ..attribute("axis", AttributeType::Int) }])
}

#[test]
fn columns_that_are_inputs_have_one_number_of_rows() {
    let derived = |options| derive(file(&beside()), &options).unwrap().0;
    let rows =
        |interface: &Interface| Vec::from_iter(interface.inputs.iter().map(|input| input.shape[0].clone()));
    let (all, any) = (derived(options(&[])), DimRange { min: 1, max: limits::DEFAULT_SYMBOL_MAX });
    assert_eq!(Vec::from_iter(&all.symbols), [(&"a.0".to_owned(), &any)]);
    assert_eq!(rows(&all), vec![Dim::Symbol("a.0".into()); 2]);
    let stated = derived(options(&[("b.0", 2, 8)]));
    assert_eq!(Vec::from_iter(&stated.symbols), [(&"b.0".to_owned(), &DimRange { min: 2, max: 8 })]);
    assert_eq!(rows(&stated), vec![Dim::Symbol("b.0".into()); 2]);
    assert_eq!(derived(options(&[("a.0", 2, 8), ("b.0", 2, 8)])).symbols.len(), 1);
    let differently = derive(file(&beside()), &options(&[("a.0", 2, 8), ("b.0", 2, 9)]));
    assert!(matches!(differently, Err(LoadError::Compile(_))), "whoever states two is taken at his word");
    assert!(load(&beside()).compiled_for_all_shapes());
}

#[test]
fn inputs_that_may_differ_in_rows_keep_their_own() {
    let broadcast = interface(&columns("Add", vec![]));
    assert_eq!(broadcast.symbols.keys().collect::<Vec<_>>(), ["a.0", "b.0"]);
    let mut apart = columns("Identity", vec![]);
    let graph = apart.graph.as_mut().unwrap();
    graph.node = vec![node("Identity", &["a"], &["y"]), node("Neg", &["b"], &["z"])];
    graph.output.push(value("z", DataType::Float, &["-", "-"]));
    assert_eq!(interface(&apart).symbols.keys().collect::<Vec<_>>(), ["a.0", "b.0"]);
}

#[test]
fn a_vectorizer_is_held_to_its_columns() {
    let vectorizer = |widths: &[i64]| {
        let widths =
            AttributeProto { ints: widths.to_vec(), ..attribute("inputdimensions", AttributeType::Ints) };
        let mut vectorizer = columns("FeatureVectorizer", vec![widths]);
        vectorizer.graph.as_mut().unwrap().node[0].domain = "ai.onnx.ml".to_owned();
        vectorizer
    };
    assert_eq!(interface(&vectorizer(&[1, 1])).symbols.len(), 1);
    for widths in [&[][..], &[1], &[1, 2], &[2, 1], &[1, -1], &[1, 1, 1], &[i64::MAX; 3]] {
        assert!(matches!(refusal(&vectorizer(widths)), LoadError::Compile(_)), "{widths:?}");
    }
}

#[test]
fn a_range_nobody_stated_shrinks_to_what_the_model_takes() {
    // 512 KiB a row at eight bytes an element: 256 rows fill a record.
    let wide = identity(DataType::Float, &["n", "65536"]);
    let (interface, _) = derive(file(&wide), &DeriveOptions::default()).unwrap();
    assert_eq!(interface.symbols["n"], DimRange { min: 1, max: 256 });
}

#[test]
fn an_answer_of_unknown_size_needs_a_stated_bound() {
    let strings = identity(DataType::String, &["n"]);
    assert_eq!(refusal(&strings), LoadError::AnswerBound { output: "y".into() });
    let mut counted = model(
        vec![value("x", DataType::Float, &["n"])],
        vec![node("NonZero", &["x"], &["y"])],
        vec![value("y", DataType::Int64, &["1", "found"])],
        vec![],
    );
    assert_eq!(refusal(&counted), LoadError::AnswerBound { output: "y".into() });
    counted.graph.as_mut().unwrap().node[0].op_type = "Neg".into();
    assert_eq!(refusal(&counted), LoadError::Shape { tensor: "y".into() });
}

#[test]
fn truncated_and_stray_files_are_refused() {
    let bytes = matmul().encode_to_vec();
    let declared = interface(&matmul());
    for end in 0..bytes.len() {
        assert!(Model::load(Zeroizing::new(bytes[..end].to_vec()), &declared).is_err(), "{end} bytes");
    }
    assert!(Model::load(Zeroizing::new(bytes), &declared).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = derive(Zeroizing::new(bytes), &DeriveOptions::default());
    }

    #[test]
    fn a_changed_file_never_panics(position in any::<prop::sample::Index>(), byte in any::<u8>(), which in 0..2) {
        let model = if which == 0 { matmul() } else { gather() };
        let declared = interface(&model);
        let mut bytes = model.encode_to_vec();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        let _ = Model::load(Zeroizing::new(bytes.clone()), &declared);
        let _ = derive(Zeroizing::new(bytes), &options(&[]));
    }
}

#[test]
fn loading_twice_gives_equal_models() {
    let (one, two) = (load(&matmul()), load(&matmul()));
    let input = || [graphs::f32s("x", &[1, 2], &[0.3, 0.7])];
    assert!(run(&one, &input())[0].data == run(&two, &input())[0].data);
}
