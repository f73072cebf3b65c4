//! What an ONNX file says of its inputs and outputs, and whether that is what the owner declared.

use strongroom_seal::model::{Dim, Interface, TensorSpec};
use strongroom_seal::tensor::DType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

use crate::error::LoadError;

/// One input or output as the file describes it.
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) dtype: DType,
    /// `None` when the file leaves the shape open.
    pub(crate) shape: Option<Vec<DeclaredDim>>,
}

/// One dimension as the file describes it.
pub(crate) enum DeclaredDim {
    Fixed(u64),
    Named(String),
    Open,
}

/// Inputs that a caller gives (weights may be listed as inputs too; they are left out) and outputs.
pub(crate) fn read(model: &ModelProto) -> Result<(Vec<Declared>, Vec<Declared>), LoadError> {
    let graph = model.graph.as_ref().ok_or(LoadError::Format)?;
    let weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs =
        graph.input.iter().filter(|input| !weight(&input.name)).map(one).collect::<Result<_, _>>()?;
    let outputs = graph.output.iter().map(one).collect::<Result<_, _>>()?;
    check_outputs_exist(graph)?;
    Ok((inputs, outputs))
}

/// tract looks an output up without asking whether it is there.
fn check_outputs_exist(graph: &GraphProto) -> Result<(), LoadError> {
    let made = |name: &String| {
        graph.node.iter().any(|node| node.output.contains(name))
            || graph.input.iter().any(|input| input.name == *name)
            || graph.initializer.iter().any(|tensor| tensor.name == *name)
    };
    if graph.output.iter().all(|output| made(&output.name)) { Ok(()) } else { Err(LoadError::Format) }
}

fn one(value: &ValueInfoProto) -> Result<Declared, LoadError> {
    let unpassable = || LoadError::Unpassable { tensor: value.name.clone() };
    let Some(TypeValue::TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err(unpassable());
    };
    let dtype = dtype(tensor.elem_type).ok_or_else(unpassable)?;
    let shape = tensor
        .shape
        .as_ref()
        .map(|shape| shape.dim.iter().map(|dim| dimension(dim.value.as_ref())).collect());
    Ok(Declared { name: value.name.clone(), dtype, shape })
}

fn dimension(value: Option<&DimValue>) -> DeclaredDim {
    match value {
        Some(DimValue::DimValue(fixed)) => {
            u64::try_from(*fixed).map_or(DeclaredDim::Open, DeclaredDim::Fixed)
        }
        Some(DimValue::DimParam(name)) if !name.is_empty() && name != "?" => DeclaredDim::Named(name.clone()),
        _ => DeclaredDim::Open,
    }
}

/// BF16 is missing: tract has no such type.
fn dtype(elem_type: i32) -> Option<DType> {
    Some(match DataType::try_from(elem_type).ok()? {
        DataType::Bool => DType::Bool,
        DataType::Uint8 => DType::Uint8,
        DataType::Uint16 => DType::Uint16,
        DataType::Uint32 => DType::Uint32,
        DataType::Uint64 => DType::Uint64,
        DataType::Int8 => DType::Int8,
        DataType::Int16 => DType::Int16,
        DataType::Int32 => DType::Int32,
        DataType::Int64 => DType::Int64,
        DataType::Float16 => DType::Fp16,
        DataType::Float => DType::Fp32,
        DataType::Double => DType::Fp64,
        DataType::String => DType::Bytes,
        _ => return None,
    })
}

/// Holds the file to the interface: the same names in the same order, the same types, fitting shapes.
///
/// An owner may declare less than the file allows (a fixed dimension where the file has a symbol),
/// never more.
pub(crate) fn check(model: &ModelProto, interface: &Interface) -> Result<(), LoadError> {
    interface.check()?;
    let (inputs, outputs) = read(model)?;
    check_side("inputs", &inputs, &interface.inputs)?;
    check_side("outputs", &outputs, &interface.outputs)
}

fn check_side(side: &'static str, file: &[Declared], declared: &[TensorSpec]) -> Result<(), LoadError> {
    let names = file.iter().map(|tensor| &tensor.name);
    if !names.eq(declared.iter().map(|spec| &spec.name)) {
        return Err(LoadError::Names { side });
    }
    for (tensor, spec) in file.iter().zip(declared) {
        if tensor.dtype != spec.dtype {
            return Err(LoadError::DType { tensor: spec.name.clone() });
        }
        if tensor.shape.as_ref().is_some_and(|shape| !fits(shape, &spec.shape)) {
            return Err(LoadError::Shape { tensor: spec.name.clone() });
        }
    }
    Ok(())
}

fn fits(file: &[DeclaredDim], declared: &[Dim]) -> bool {
    let fits_one = |(file, declared): (&DeclaredDim, &Dim)| match (file, declared) {
        (DeclaredDim::Fixed(file), Dim::Fixed(declared)) => file == declared,
        (DeclaredDim::Fixed(_), Dim::Symbol(_)) => false,
        (DeclaredDim::Named(_) | DeclaredDim::Open, _) => true,
    };
    file.len() == declared.len() && file.iter().zip(declared).all(fits_one)
}
