//! Overwrites the weights of a decoded ONNX file before their memory is freed.

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto};
use zeroize::Zeroize as _;

/// Overwrites every tensor of the model, wherever it stands.
pub(super) fn model(model: &mut ModelProto) {
    if let Some(main) = &mut model.graph {
        graph(main);
    }
    for attribute in
        model.functions.iter_mut().flat_map(|function| &mut function.node).flat_map(|n| &mut n.attribute)
    {
        self::attribute(attribute);
    }
}

fn graph(graph: &mut GraphProto) {
    graph.initializer.iter_mut().for_each(tensor);
    for sparse in &mut graph.sparse_initializer {
        sparse.values.iter_mut().for_each(tensor);
    }
    graph.node.iter_mut().flat_map(|node| &mut node.attribute).for_each(attribute);
}

fn attribute(attribute: &mut AttributeProto) {
    attribute.floats.zeroize();
    attribute.ints.zeroize();
    attribute.strings.zeroize();
    attribute.s.zeroize();
    attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(tensor);
    attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(graph);
}

fn tensor(tensor: &mut TensorProto) {
    tensor.raw_data.zeroize();
    tensor.float_data.zeroize();
    tensor.int32_data.zeroize();
    tensor.int64_data.zeroize();
    tensor.double_data.zeroize();
    tensor.uint64_data.zeroize();
    tensor.string_data.zeroize();
}
