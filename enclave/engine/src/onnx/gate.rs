//! The gates an ONNX file passes before tract sees it.
//!
//! 1. one graph of a stated operator set, and nothing that tract would silently leave out: functions, sparse weights, training;
//! 2. no more nodes and no deeper nesting than allowed;
//! 3. only operators that are listed or that the owner allows, and that tract has, of domains whose operators they are, with attributes that they can have and that it heeds;
//! 4. every tensor inside the file, with as many elements as its shape says.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use super::{allowed, attributes, ignored};
use crate::error::LoadError;
use crate::limits::{MAX_GRAPH_DEPTH, MAX_NODES};

/// tract looks operators up by name alone; a name of any other domain means something else.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// The operators that tract has, and those that the owner allows beside the listed ones.
struct Operators<'a> {
    register: &'a OnnxOpRegister,
    further: &'a [String],
}

/// Applies every gate.
pub(super) fn check(
    model: &ModelProto,
    register: &OnnxOpRegister,
    further: &[String],
) -> Result<(), LoadError> {
    let operators = &Operators { register, further };
    // 1
    if model.opset_import.is_empty() {
        return Err(LoadError::Format);
    }
    if !model.functions.is_empty() {
        return Err(LoadError::Feature("functions of its own"));
    }
    if !model.training_info.is_empty() {
        return Err(LoadError::Feature("training information"));
    }
    let graph = model.graph.as_ref().ok_or(LoadError::Format)?;
    let mut nodes = 0_usize;
    check_graph(graph, operators, MAX_GRAPH_DEPTH, &mut nodes)
}

fn check_graph(
    graph: &GraphProto,
    operators: &Operators<'_>,
    depth: usize,
    nodes: &mut usize,
) -> Result<(), LoadError> {
    // 1
    if !graph.sparse_initializer.is_empty() {
        return Err(LoadError::Feature("sparse weights"));
    }
    // 2
    *nodes = nodes.saturating_add(graph.node.len());
    let depth = depth.checked_sub(1).filter(|_| *nodes <= MAX_NODES).ok_or(LoadError::Nodes)?;
    graph.initializer.iter().try_for_each(check_tensor)?;
    for node in &graph.node {
        check_operator(node, operators)?;
        ignored::check(node)?;
        attributes::check(node, graph)?;
        for attribute in &node.attribute {
            check_attribute(attribute, operators, depth, nodes)?;
        }
    }
    Ok(())
}

// 3
fn check_operator(node: &NodeProto, operators: &Operators<'_>) -> Result<(), LoadError> {
    let separator = if node.domain.is_empty() { "" } else { "::" };
    let operator = format!("{}{separator}{}", node.domain, node.op_type);
    if !DOMAINS.contains(&node.domain.as_str()) || !operators.register.0.contains_key(&node.op_type) {
        return Err(LoadError::Operator { operator });
    }
    if allowed::is_listed(&node.domain, &node.op_type) || operators.further.contains(&operator) {
        return Ok(());
    }
    Err(LoadError::Unlisted { operator })
}

fn check_attribute(
    attribute: &AttributeProto,
    operators: &Operators<'_>,
    depth: usize,
    nodes: &mut usize,
) -> Result<(), LoadError> {
    if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
        return Err(LoadError::Feature("sparse weights"));
    }
    attribute.t.iter().chain(&attribute.tensors).try_for_each(check_tensor)?;
    attribute.g.iter().chain(&attribute.graphs).try_for_each(|g| check_graph(g, operators, depth, nodes))
}

// 4
fn check_tensor(tensor: &TensorProto) -> Result<(), LoadError> {
    let outside = tensor.data_location == Some(DataLocation::External as i32);
    if outside || !tensor.external_data.is_empty() {
        return Err(LoadError::ExternalData);
    }
    if tensor.segment.is_some() {
        return Err(LoadError::Feature("tensors stored in segments"));
    }
    let elements = tensor.dims.iter().try_fold(1_usize, |product, dim| {
        usize::try_from(*dim).ok().and_then(|dim| product.checked_mul(dim))
    });
    if elements.is_some() && elements == stored(tensor)? { Ok(()) } else { Err(LoadError::Tensor) }
}

/// Elements that the tensor holds, in raw bytes or in the field of its type.
fn stored(tensor: &TensorProto) -> Result<Option<usize>, LoadError> {
    let dtype = DataType::try_from(tensor.data_type).map_err(|_| LoadError::Tensor)?;
    let (width, typed) = match dtype {
        DataType::Float => (4, tensor.float_data.len()),
        DataType::Double => (8, tensor.double_data.len()),
        DataType::Int64 => (8, tensor.int64_data.len()),
        DataType::Int32 => (4, tensor.int32_data.len()),
        DataType::Int16 | DataType::Uint16 | DataType::Float16 => (2, tensor.int32_data.len()),
        DataType::Int8 | DataType::Uint8 | DataType::Bool => (1, tensor.int32_data.len()),
        // tract reads the typed fields of these two from the wrong place: raw bytes only.
        DataType::Uint32 => (4, 0),
        DataType::Uint64 => (8, 0),
        DataType::String if tensor.raw_data.is_empty() => (1, tensor.string_data.len()),
        _ => return Err(LoadError::Feature("weights of a type like BF16, FP8 or INT4")),
    };
    let raw = tensor.raw_data.len();
    Ok(if raw > 0 { raw.is_multiple_of(width).then_some(raw / width) } else { Some(typed) })
}
