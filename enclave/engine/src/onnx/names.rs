//! Gives every node of the main graph a name of its own: ONNX does not ask for it, tract does.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ModelProto};

/// Renames nodes that share a name with another node, an input or a weight.
pub(super) fn make_unique(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let mut taken = values(graph);
    for (position, node) in graph.node.iter_mut().enumerate() {
        // A nameless node goes by its first output, which is unique; node names are never referred to.
        let shared = if node.name.is_empty() { false } else { !taken.insert(node.name.clone()) };
        if shared {
            node.name = format!("strongroom.node.{position}");
        }
    }
}

fn values(graph: &GraphProto) -> HashSet<String> {
    let inputs = graph.input.iter().map(|input| &input.name);
    inputs.chain(graph.initializer.iter().map(|tensor| &tensor.name)).cloned().collect()
}
