//! Small ONNX graphs, built field by field, and tensors to feed them.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail with the test"
)]

use std::collections::BTreeMap;

use prost::Message as _;
use strongroom_engine::{DeriveOptions, Model, derive};
use strongroom_seal::model::{DimRange, Interface};
use strongroom_seal::tensor::{DType, Tensor, push_string};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};
use zeroize::Zeroizing;

/// A dimension: a number, or anything else as a symbol; `-` leaves it open.
pub fn value(name: &str, dtype: DataType, dims: &[&str]) -> ValueInfoProto {
    let dim = |text: &&str| Dimension {
        value: match text.parse() {
            Ok(number) => Some(DimValue::DimValue(number)),
            Err(_) if *text == "-" => None,
            Err(_) => Some(DimValue::DimParam((*text).to_owned())),
        },
        ..Dimension::default()
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: dtype as i32, shape };
    let r#type = Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..ValueInfoProto::default() }
}

pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        op_type: operator.to_owned(),
        input: own(inputs),
        output: own(outputs),
        ..NodeProto::default()
    }
}

pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

pub fn ints(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![i64::try_from(values.len()).unwrap()],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

pub fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: r#type as i32, ..AttributeProto::default() }
}

pub fn model(
    inputs: Vec<ValueInfoProto>,
    nodes: Vec<NodeProto>,
    outputs: Vec<ValueInfoProto>,
    weights: Vec<TensorProto>,
) -> ModelProto {
    let graph = GraphProto {
        name: "graph".to_owned(),
        input: inputs,
        node: nodes,
        output: outputs,
        initializer: weights,
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// `y = x`, of any type.
pub fn identity(dtype: DataType, dims: &[&str]) -> ModelProto {
    model(
        vec![value("x", dtype, dims)],
        vec![node("Identity", &["x"], &["y"])],
        vec![value("y", dtype, dims)],
        vec![],
    )
}

/// `y = x · w` with a symbolic batch: rows of two to rows of three.
pub fn matmul() -> ModelProto {
    model(
        vec![value("x", DataType::Float, &["batch", "2"])],
        vec![node("MatMul", &["x", "w"], &["y"])],
        vec![value("y", DataType::Float, &["batch", "3"])],
        vec![floats("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])],
    )
}

/// `y = table[ids]`: an index outside the table makes tract panic.
pub fn gather() -> ModelProto {
    model(
        vec![value("ids", DataType::Int64, &["n"])],
        vec![node("Gather", &["table", "ids"], &["y"])],
        vec![value("y", DataType::Float, &["n", "1"])],
        vec![floats("table", &[3, 1], &[10.0, 11.0, 12.0])],
    )
}

pub fn file(model: &ModelProto) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(model.encode_to_vec())
}

pub fn options(ranges: &[(&str, u64, u64)]) -> DeriveOptions {
    let range = |(name, min, max): &(&str, u64, u64)| ((*name).to_owned(), DimRange { min: *min, max: *max });
    DeriveOptions {
        symbols: ranges.iter().map(range).collect::<BTreeMap<_, _>>(),
        ..DeriveOptions::default()
    }
}

pub fn interface(model: &ModelProto) -> Interface {
    derive(file(model), &DeriveOptions::default()).unwrap().0
}

pub fn load(model: &ModelProto) -> Model {
    Model::load(file(model), &interface(model)).unwrap()
}

pub fn run(model: &Model, inputs: &[Tensor<'_>]) -> Vec<Tensor<'static>> {
    model.run(model.admit(inputs, &[]).unwrap()).unwrap()
}

pub fn f32s(name: &str, shape: &[u64], values: &[f32]) -> Tensor<'static> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor { name: name.to_owned().into(), dtype: DType::Fp32, shape: shape.to_vec(), data: data.into() }
}

pub fn i64s(name: &str, shape: &[u64], values: &[i64]) -> Tensor<'static> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor { name: name.to_owned().into(), dtype: DType::Int64, shape: shape.to_vec(), data: data.into() }
}

pub fn texts(name: &str, values: &[&[u8]]) -> Tensor<'static> {
    let mut data = Vec::new();
    values.iter().for_each(|value| push_string(&mut data, value).unwrap());
    let shape = vec![values.len() as u64];
    Tensor { name: name.to_owned().into(), dtype: DType::Bytes, shape, data: data.into() }
}

pub fn as_f32s(tensor: &Tensor<'_>) -> Vec<f32> {
    assert_eq!(tensor.dtype, DType::Fp32);
    tensor.data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

pub fn as_i64s(tensor: &Tensor<'_>) -> Vec<i64> {
    assert_eq!(tensor.dtype, DType::Int64);
    tensor.data.chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())).collect()
}
