//! Takes `ZipMap` out of a graph: its answer is then the tensor of probabilities it was given.
//!
//! `ZipMap` turns each row of probabilities into a map from label to probability. Answers are
//! tensors here, and the order of the columns is that of the classifier's labels, so nothing is
//! lost; the output keeps its name. scikit-learn's exporter adds the operator unless told otherwise.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::type_proto::{Tensor, Value as TypeValue};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto};

/// Replaces every `ZipMap` of the main graph.
pub(super) fn take_out(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    for position in 0..graph.node.len() {
        let Some(node) = graph.node.get_mut(position) else { break };
        if node.op_type == "ZipMap" && node.domain == "ai.onnx.ml" {
            let labels = labels(node);
            "Identity".clone_into(&mut node.op_type);
            node.domain.clear();
            let outputs = node.output.clone();
            outputs.iter().for_each(|output| retype(graph, output, labels));
        }
    }
}

fn labels(node: &NodeProto) -> Option<i64> {
    let listed = node.attribute.iter().filter(|attribute| attribute.name.starts_with("classlabels_"));
    let labels = listed.map(|attribute| attribute.ints.len().max(attribute.strings.len())).max();
    labels.and_then(|labels| i64::try_from(labels).ok())
}

/// Rows of as many floats as there are labels, in place of a sequence of maps.
fn retype(graph: &mut GraphProto, output: &str, labels: Option<i64>) {
    let columns = Dimension { value: labels.map(DimValue::DimValue), ..Dimension::default() };
    let shape = Some(TensorShapeProto { dim: vec![Dimension::default(), columns] });
    let tensor = Tensor { elem_type: DataType::Float as i32, shape };
    for info in graph.output.iter_mut().filter(|info| info.name == output) {
        info.r#type =
            Some(TypeProto { value: Some(TypeValue::TensorType(tensor.clone())), ..TypeProto::default() });
    }
}
