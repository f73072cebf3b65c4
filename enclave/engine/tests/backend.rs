//! The node tests of the ONNX backend for operators that the engine computes in a way of its own: answered right, or refused.

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

use std::collections::BTreeMap;

use prost::Message as _;
use references::Case;
use strongroom_engine::{DeriveOptions, LoadError, Mismatch, Model, Tolerance, check_samples, derive};
use strongroom_seal::model::{AnswerBound, DimRange};
use strongroom_seal::tensor::{DType, Tensor, strings};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto, ValueInfoProto};
use zeroize::Zeroizing;

/// That of the ONNX backend's own runner.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-7, relative: 1e-3 };

/// Cases whose answers come less near, and why.
const LESS_NEAR: [(&str, Tolerance, &str); 3] = [
    ("causal_conv_with_state_silu_fp16_expanded", HALVES, "halves rounded after each step"),
    ("gru_bidirectional", GATES, "sigmoid and tanh approximated"),
    ("gru_seq_length", GATES, "sigmoid and tanh approximated"),
];
const HALVES: Tolerance = Tolerance { absolute: 1e-7, relative: 2e-3 };
const GATES: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-3 };

/// Cases that are refused however they are put, and why.
const REFUSED: [(&str, &[&str]); 11] = [
    (
        "trees in the form of one operator for all",
        &["ai_onnx_ml_tree_ensemble_set_membership", "ai_onnx_ml_tree_ensemble_single_tree"],
    ),
    (
        "labels numbered in 16 bits",
        &["ai_onnx_ml_label_encoder_tensor_mapping", "ai_onnx_ml_label_encoder_tensor_value_only_mapping"],
    ),
    ("training", &["batchnorm_epsilon_training_mode", "batchnorm_example_training_mode"]),
    ("an alpha that tract does not heed", &["celu", "celu_float16", "swiglu_alpha_expanded"]),
    ("a direction that tract does not heed", &["gru_reverse", "lstm_reverse", "simple_rnn_reverse"]),
    ("a mode that tract does not heed", &["spacetodepth_crd_mode_example"]),
    ("a mode that tract lacks", &["wrap_pad"]),
    (
        "quantized by blocks",
        &[
            "dequantizelinear_blocked",
            "quantizelinear_blocked_asymmetric",
            "quantizelinear_blocked_symmetric",
        ],
    ),
    (
        "quantized to 16 bits",
        &[
            "dequantizelinear_int16",
            "dequantizelinear_uint16",
            "quantizelinear_int16",
            "quantizelinear_uint16",
        ],
    ),
    (
        "quantized by a scale that is computed",
        &[
            "dynamicquantizelinear_expanded",
            "dynamicquantizelinear_max_adjusted_expanded",
            "dynamicquantizelinear_min_adjusted_expanded",
        ],
    ),
    ("two vectors multiplied", &["matmul_1d_1d"]),
];

/// Cases that tract compiles in some form and then cannot run: bounds of slices that are inputs.
const FAILING: [&str; 7] = [
    "slice",
    "slice_default_axes",
    "slice_default_steps",
    "slice_end_out_of_bounds",
    "slice_neg",
    "slice_negative_axes",
    "slice_start_out_of_bounds",
];

/// How often a case is answered right, of all the forms in which cases are put: fewer are a loss.
const RIGHT: usize = 2775;

/// How a case is put to the engine: what it computes in a way of its own depends on it.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// All other inputs are weights of the model.
    only: Option<usize>,
    /// Lengths are symbols, equal lengths the same one.
    open: bool,
}

fn forms(inputs: usize) -> impl Iterator<Item = Form> {
    let only = (0..inputs).filter(move |_| inputs > 1).map(Some);
    [None].into_iter().chain(only).flat_map(|only| [false, true].map(|open| Form { only, open }))
}

enum Outcome {
    Right,
    Refused(String),
    /// No answer though the model was loaded.
    Failed(String),
    Wrong(String),
}

#[test]
fn node_tests_of_the_onnx_backend() {
    // What tract says while it panics is nobody's concern, and slow to trace.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut right, mut complaints) = (0, Vec::new());
    let cases = references::cases("backend");
    for case in &cases {
        let reason =
            REFUSED.iter().find(|(_, names)| names.contains(&case.name.as_str())).map(|(reason, _)| *reason);
        let (mut answered, mut refusal) = (false, String::new());
        for form in forms(case.inputs.len()) {
            match put(case, form) {
                Outcome::Right => (answered, right) = (true, right + 1),
                Outcome::Refused(why) => refusal = why,
                Outcome::Failed(_) if FAILING.contains(&case.name.as_str()) => {}
                Outcome::Failed(why) | Outcome::Wrong(why) => {
                    complaints.push(format!("{} {form:?}: {why}", case.name))
                }
            }
        }
        match reason {
            Some(reason) if answered => complaints.push(format!("{} is answered: {reason}", case.name)),
            None if !answered => complaints.push(format!("{} is refused: {refusal}", case.name)),
            _ => {}
        }
    }
    std::panic::set_hook(hook);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    let known = |name: &&str| cases.iter().any(|case| case.name == **name);
    assert!(REFUSED.iter().flat_map(|(_, names)| *names).chain(&FAILING).all(known), "no such case");
    assert_eq!(right, RIGHT, "forms of {} cases", cases.len());
}

fn put(case: &Case, form: Form) -> Outcome {
    let mut model = ModelProto::decode(case.model.as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let only = form.only.map(|only| graph.input[only].name.clone());
    let given = |input: &&Tensor<'_>| only.as_ref().is_none_or(|only| input.name == only.as_str());
    let inputs: Vec<Tensor<'_>> = case.inputs.iter().filter(given).cloned().collect();
    hold(graph, &case.inputs, &inputs);
    let symbols = if form.open { open(graph) } else { BTreeMap::new() };
    let answer = Some(AnswerBound { names_bytes: 200, bytes_per_request_kib: 1 << 20, max_bytes: 1 << 20 });
    let less_near = LESS_NEAR.iter().find(|(name, ..)| *name == case.name);
    let tolerance = less_near.map_or(TOLERANCE, |(_, tolerance, _)| *tolerance);
    match loaded(&model, &DeriveOptions { symbols, answer, ..DeriveOptions::default() }) {
        Ok(model) => match check_samples(&model, &inputs, &case.outputs, tolerance) {
            Ok(_) => Outcome::Right,
            Err(Mismatch::Run(error)) => Outcome::Failed(error.to_string()),
            Err(error) => Outcome::Wrong(error.to_string()),
        },
        Err(refused) => refused,
    }
}

/// Turns the inputs that are not given into weights.
fn hold(graph: &mut GraphProto, all: &[Tensor<'_>], given: &[Tensor<'_>]) {
    for tensor in all.iter().filter(|tensor| given.iter().all(|given| given.name != tensor.name)) {
        graph.input.retain(|input| input.name != tensor.name);
        graph.initializer.push(weight(tensor));
    }
}

fn weight(tensor: &Tensor<'_>) -> TensorProto {
    let data_type = match tensor.dtype {
        DType::Bool => DataType::Bool,
        DType::Uint8 => DataType::Uint8,
        DType::Uint16 => DataType::Uint16,
        DType::Uint32 => DataType::Uint32,
        DType::Uint64 => DataType::Uint64,
        DType::Int8 => DataType::Int8,
        DType::Int16 => DataType::Int16,
        DType::Int32 => DataType::Int32,
        DType::Int64 => DataType::Int64,
        DType::Fp16 => DataType::Float16,
        DType::Fp32 => DataType::Float,
        DType::Fp64 => DataType::Double,
        DType::Bytes => DataType::String,
        DType::Bf16 => panic!("no reference is of this type"),
    };
    let text = tensor.dtype == DType::Bytes;
    let string_data = strings(if text { &tensor.data } else { &[] }).map(|string| string.unwrap().to_vec());
    TensorProto {
        name: tensor.name.clone().into_owned(),
        dims: tensor.shape.iter().map(|dim| i64::try_from(*dim).unwrap()).collect(),
        data_type: data_type as i32,
        string_data: string_data.collect(),
        raw_data: if text { Vec::new() } else { tensor.data.to_vec() },
        ..TensorProto::default()
    }
}

/// Puts symbols in the place of lengths, and says what they stand for.
fn open(graph: &mut GraphProto) -> BTreeMap<String, DimRange> {
    let mut symbols = BTreeMap::new();
    let inputs = graph.input.iter_mut().flat_map(dims).filter(|dim| !matches!(dim, DimValue::DimValue(1)));
    for dim in inputs {
        let DimValue::DimValue(length) = *dim else { panic!("a case has fixed lengths") };
        let (symbol, length) = (format!("of_{length}"), u64::try_from(length).unwrap());
        symbols.insert(symbol.clone(), DimRange { min: length, max: length });
        *dim = DimValue::DimParam(symbol);
    }
    for (number, dim) in graph.output.iter_mut().flat_map(dims).enumerate() {
        *dim = DimValue::DimParam(format!("out_{number}"));
    }
    symbols
}

fn dims(info: &mut ValueInfoProto) -> impl Iterator<Item = &mut DimValue> {
    let r#type = info.r#type.as_mut().and_then(|r#type| r#type.value.as_mut());
    let shape = match r#type {
        Some(TypeValue::TensorType(tensor)) => tensor.shape.as_mut(),
        _ => None,
    };
    shape.into_iter().flat_map(|shape| &mut shape.dim).filter_map(|dim| dim.value.as_mut())
}

fn loaded(model: &ModelProto, options: &DeriveOptions) -> Result<Model, Outcome> {
    let file = || Zeroizing::new(model.encode_to_vec());
    let reveal = |error: LoadError| match error {
        LoadError::Compile(detail) => detail.reveal().to_owned(),
        other => other.to_string(),
    };
    let (interface, _) = derive(file(), options).map_err(|error| Outcome::Refused(reveal(error)))?;
    Model::load(file(), &interface).map_err(|error| Outcome::Failed(reveal(error)))
}
