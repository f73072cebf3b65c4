//! Refuses attributes that tract does not read, or does not act on, unless they say what tract computes anyway.
//!
//! tract leaves unknown attributes out without a word: an LSTM that is to go backwards goes forwards.
//! The list was made by comparing the attributes of all versions of ONNX's operators with those that
//! tract reads. Not in it are those that change no answer of floats: hints, precisions, names.

use tract_onnx::pb::{AttributeProto, NodeProto};

use crate::error::LoadError;

/// What an attribute must be for tract's answer to be right, and what a model has where it is not.
struct Rule {
    operators: &'static [&'static str],
    attribute: &'static str,
    fits: fn(&AttributeProto) -> bool,
    otherwise: &'static str,
}

const RECURRENT: &[&str] = &["GRU", "LSTM", "RNN"];
const ACTIVATIONS: &str = "a recurrent operator with activations of its own";

const RULES: [Rule; 12] = [
    Rule {
        operators: RECURRENT,
        attribute: "direction",
        fits: |direction| direction.s != b"reverse",
        otherwise: "a recurrent operator that only goes backwards",
    },
    Rule {
        operators: RECURRENT,
        attribute: "clip",
        fits: |_| false,
        otherwise: "a recurrent operator that clips its activations' inputs",
    },
    Rule {
        operators: RECURRENT,
        attribute: "input_forget",
        fits: |coupled| coupled.i == 0,
        otherwise: "a recurrent operator that couples its gates",
    },
    Rule {
        operators: &["GRU"],
        attribute: "activations",
        fits: |names| are(names, &["Sigmoid", "Tanh"]),
        otherwise: ACTIVATIONS,
    },
    Rule {
        operators: &["LSTM"],
        attribute: "activations",
        fits: |names| are(names, &["Sigmoid", "Tanh", "Tanh"]),
        otherwise: ACTIVATIONS,
    },
    Rule {
        operators: &["RNN"],
        attribute: "activations",
        fits: |names| are(names, &["Tanh"]),
        otherwise: ACTIVATIONS,
    },
    Rule {
        operators: &["Celu", "Swish"],
        attribute: "alpha",
        fits: |alpha| alpha.f == 1.0,
        otherwise: "an activation with an alpha other than 1",
    },
    Rule {
        operators: &["SpaceToDepth"],
        attribute: "mode",
        fits: |mode| mode.s == b"DCR",
        otherwise: "a SpaceToDepth that puts columns first",
    },
    Rule {
        operators: &["BatchNormalization"],
        attribute: "training_mode",
        fits: |training| training.i == 0,
        otherwise: "a normalization that is still trained",
    },
    Rule {
        operators: &["QuantizeLinear"],
        attribute: "output_dtype",
        fits: |dtype| [0, UINT8].contains(&dtype.i),
        otherwise: "a quantization to a type that its zero point does not say",
    },
    Rule {
        operators: &["DequantizeLinear"],
        attribute: "output_dtype",
        fits: |dtype| dtype.i == 0,
        otherwise: "a dequantization to a type that its scale does not say",
    },
    // Before operator set 7.
    Rule {
        operators: &["Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"],
        attribute: "axis",
        fits: |_| false,
        otherwise: "arithmetic that is not aligned at the last axis",
    },
];

/// ONNX's number for the type that tract takes where nothing is said.
const UINT8: i64 = 2;

/// Names for one direction or for two; case does not matter.
fn are(attribute: &AttributeProto, names: &[&str]) -> bool {
    let alike = |(given, name): (&Vec<u8>, &&str)| given.eq_ignore_ascii_case(name.as_bytes());
    attribute.strings.iter().zip(names.iter().cycle()).all(alike)
}

/// Refuses a node with an attribute that would be left out.
pub(super) fn check(node: &NodeProto) -> Result<(), LoadError> {
    for attribute in &node.attribute {
        let about = |rule: &&Rule| {
            rule.attribute == attribute.name && rule.operators.contains(&node.op_type.as_str())
        };
        if let Some(rule) = RULES.iter().filter(about).find(|rule| !(rule.fits)(attribute)) {
            return Err(LoadError::Feature(rule.otherwise));
        }
    }
    Ok(())
}
