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

/// How a case is put to the engine: what it computes in a way of its own depends on it.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// All other inputs are weights of the model.
    only: Option<usize>,
    /// Lengths are symbols, equal lengths the same one.
    open: bool,
}

#[derive(Debug)]
enum Outcome {
    Right,
    Refused(String),
    Failed(String),
}

fn forms(inputs: usize) -> Vec<Form> {
    let only = (0..inputs).filter(|_| inputs > 1).map(Some);
    [None].into_iter().chain(only).flat_map(|only| [false, true].map(|open| Form { only, open })).collect()
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
    answer_of(&model, &DeriveOptions { symbols, answer }, &inputs, &case.outputs)
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
        string_data: string_data.map(Into::into).collect(),
        raw_data: if text { Vec::new() } else { tensor.data.to_vec() }.into(),
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

fn answer_of(
    model: &ModelProto,
    options: &DeriveOptions,
    inputs: &[Tensor<'_>],
    outputs: &[Tensor<'_>],
) -> Outcome {
    let file = || Zeroizing::new(model.encode_to_vec());
    let reveal = |error: &LoadError| match error {
        LoadError::Compile(detail) => format!("{error}: {}", detail.reveal()),
        other => other.to_string(),
    };
    let interface = match derive(file(), options) {
        Ok((interface, _)) => interface,
        Err(error) => return Outcome::Refused(reveal(&error)),
    };
    let model = match Model::load(file(), &interface) {
        Ok(model) => model,
        Err(error) => return Outcome::Failed(reveal(&error)),
    };
    match check_samples(&model, inputs, outputs, TOLERANCE) {
        Ok(_) => Outcome::Right,
        Err(Mismatch::Run(error)) => Outcome::Failed(error.to_string()),
        Err(error) => Outcome::Failed(format!("WRONG {error}")),
    }
}

#[test]
fn node_tests_of_the_onnx_backend() {
    for case in references::cases("backend") {
        for form in forms(case.inputs.len()) {
            println!("OUT\t{}\t{:?}\t{}\t{:?}", case.name, form.only, form.open, put(&case, form));
        }
    }
}
