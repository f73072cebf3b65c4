//! Refuses attributes of values that their operators cannot have, and on which tract fails in ways of its own.
//!
//! A step of nothing divides by zero; a transposition that takes an axis twice makes tract write where it
//! must not; a split into none, or an axis from nowhere, it takes without a word.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use crate::error::LoadError;
use crate::limits::{MAX_EXTENT, MAX_WINDOW, MAX_WINDOW_CELLS};

/// An attribute, and whether a node may have it so.
struct Rule {
    attribute: &'static str,
    fits: fn(&NodeProto, &AttributeProto) -> bool,
}

const RULES: [Rule; 12] = [
    Rule {
        attribute: "kernel_shape",
        fits: |_, kernel| each(kernel, 1..=MAX_WINDOW) && product(&kernel.ints) <= MAX_WINDOW_CELLS,
    },
    Rule { attribute: "strides", fits: |_, strides| each(strides, 1..=MAX_WINDOW) },
    Rule { attribute: "dilations", fits: |_, dilations| each(dilations, 1..=MAX_WINDOW) },
    Rule { attribute: "output_padding", fits: |_, padding| each(padding, 0..=MAX_WINDOW) },
    Rule { attribute: "pads", fits: pads },
    Rule { attribute: "group", fits: |_, group| (1..=MAX_EXTENT).contains(&group.i) },
    Rule { attribute: "hidden_size", fits: |_, size| (1..=MAX_EXTENT).contains(&size.i) },
    Rule { attribute: "blocksize", fits: |_, size| (1..=MAX_WINDOW).contains(&size.i) },
    Rule { attribute: "num_outputs", fits: |node, count| usize::try_from(count.i) == Ok(node.output.len()) },
    Rule {
        attribute: "split",
        fits: |node, split| each(split, 0..=MAX_EXTENT) && split.ints.len() == node.output.len(),
    },
    Rule { attribute: "perm", fits: |_, perm| is_permutation(&perm.ints) },
    Rule { attribute: "equation", fits: |_, equation| axes_come_from_inputs(&equation.s) },
];

/// Refuses a node with an attribute that it cannot have.
pub(super) fn check(node: &NodeProto, graph: &GraphProto) -> Result<(), LoadError> {
    let refuse = |attribute| LoadError::Attribute { operator: node.op_type.clone(), attribute };
    for attribute in &node.attribute {
        let about = RULES.iter().filter(|rule| rule.attribute == attribute.name);
        if let Some(rule) = about.into_iter().find(|rule| !(rule.fits)(node, attribute)) {
            return Err(refuse(rule.attribute));
        }
        if attribute.name == "hidden_size" && !is_of_the_weights(attribute.i, node, graph) {
            return Err(refuse("hidden_size"));
        }
    }
    Ok(())
}

fn each(attribute: &AttributeProto, range: std::ops::RangeInclusive<i64>) -> bool {
    attribute.ints.iter().all(|number| range.contains(number))
}

fn product(numbers: &[i64]) -> i64 {
    numbers.iter().copied().fold(1, i64::saturating_mul)
}

/// Those of a window lie around it; those of a tensor may be what is cut off.
fn pads(node: &NodeProto, pads: &AttributeProto) -> bool {
    let most = if node.op_type == "Pad" { MAX_EXTENT } else { MAX_WINDOW };
    each(pads, -most..=most)
}

fn is_permutation(perm: &[i64]) -> bool {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    sorted.iter().zip(0..).all(|(axis, place)| *axis == place)
}

/// Whether every axis that an equation ends in is one that it begins with.
fn axes_come_from_inputs(equation: &[u8]) -> bool {
    let Ok(equation) = std::str::from_utf8(equation) else { return false };
    let Some((inputs, output)) = equation.split_once("->") else { return true };
    output.chars().all(|axis| axis == ' ' || inputs.contains(axis))
}

/// tract reads the size off the weights, and leaves the attribute out.
fn is_of_the_weights(size: i64, node: &NodeProto, graph: &GraphProto) -> bool {
    let weights =
        node.input.get(2).and_then(|name| graph.initializer.iter().find(|tensor| tensor.name == *name));
    weights.and_then(|weights| weights.dims.last()).is_none_or(|last| *last == size)
}
