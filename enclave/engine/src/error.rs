//! What can go wrong with a model, and what with a request to it.

use std::fmt;

use strongroom_seal::model::InterfaceError;
use strongroom_seal::tensor::DType;

use crate::ceiling::Excess;
use crate::limits::{
    MAX_DETAIL_CHARS, MAX_LIVE_BYTES, MAX_MODEL_BYTES, MAX_MULTIPLICATIONS, MAX_NODES, MAX_VALUE_BYTES,
};
use crate::onnx::OPERATORS_VERSION;

/// Why a model cannot be served. For its owner: it names parts of the model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// More than [`MAX_MODEL_BYTES`].
    #[error("the model has more than {MAX_MODEL_BYTES} bytes")]
    Size,
    /// The bytes are not an ONNX file.
    #[error("not an ONNX file, or a damaged one")]
    Format,
    /// A tensor's elements lie in another file.
    #[error("the model keeps tensors in another file: save it with all data inside")]
    ExternalData,
    /// More than [`MAX_NODES`] nodes, or graphs nested too deep.
    #[error("the model has more than {MAX_NODES} nodes, or graphs nested too deep")]
    Nodes,
    /// Something the engine would ignore or cannot hold.
    #[error("the model has {0}, which the engine does not support")]
    Feature(&'static str),
    /// An operator that is not one of those that every model may hold, and that the owner did not allow.
    #[error(
        "the operator '{operator}' is none of those that models may hold (list {OPERATORS_VERSION}): its owner may allow it"
    )]
    Unlisted {
        /// Its name in the ONNX file.
        operator: String,
    },
    /// An operator the engine does not have.
    #[error("the engine has no operator '{operator}'")]
    Operator {
        /// Its name in the ONNX file.
        operator: String,
    },
    /// A tensor whose shape, type and bytes disagree.
    #[error("a tensor inside the model contradicts its own shape or type")]
    Tensor,
    /// The interface contradicts itself.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// The model has no such input or output, or has one that is not declared.
    #[error("the {side} of the model are not those declared")]
    Names {
        /// `inputs` or `outputs`.
        side: &'static str,
    },
    /// A declared type is not the model's.
    #[error("'{tensor}' has another type than declared")]
    DType {
        /// Which input or output.
        tensor: String,
    },
    /// A declared shape is not the model's.
    #[error("'{tensor}' has another shape than declared")]
    Shape {
        /// Which input or output.
        tensor: String,
    },
    /// An input or output of a type the engine cannot pass.
    #[error("'{tensor}' has a type that the engine cannot pass")]
    Unpassable {
        /// Which input or output.
        tensor: String,
    },
    /// A range was stated for a symbol that no input has.
    #[error("a range is stated for '{symbol}', which is no dimension of an input")]
    Symbol {
        /// Which symbol.
        symbol: String,
    },
    /// The size of the answer does not follow from the model.
    #[error(
        "how large '{output}' gets cannot be told from the model: state an answer bound, or symbol ranges"
    )]
    AnswerBound {
        /// Which output.
        output: String,
    },
    /// An attribute that the operator cannot have.
    #[error("'{operator}' has '{attribute}' of a value that the operator cannot have")]
    Attribute {
        /// Its name in the ONNX file.
        operator: String,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// An operator is given a length, a step or a number that it cannot take.
    #[error("'{operator}' is given a length, a step or a number that it cannot take")]
    Value {
        /// tract's name of it.
        operator: String,
    },
    /// An operator would make a tensor of more than [`MAX_VALUE_BYTES`], or too much is computed of constants.
    #[error(
        "'{operator}' would take more memory than the engine allows: {MAX_VALUE_BYTES} bytes for one tensor"
    )]
    Memory {
        /// tract's name of it.
        operator: String,
    },
    /// One run would hold more than [`MAX_LIVE_BYTES`] at once, or take more than [`MAX_MULTIPLICATIONS`].
    #[error(
        "one run would hold more than {MAX_LIVE_BYTES} bytes at once, or take more than {MAX_MULTIPLICATIONS} multiplications"
    )]
    Whole,
    /// tract panicked at one operator.
    #[error("the engine fails at '{operator}'")]
    Broke {
        /// tract's name of it.
        operator: String,
    },
    /// tract cannot compile it.
    #[error("the engine cannot compile the model")]
    Compile(Detail),
    /// tract panicked while loading.
    #[error("the engine failed while loading the model")]
    Panicked,
}

impl From<&Excess> for LoadError {
    fn from(excess: &Excess) -> Self {
        match excess {
            Excess::Size(operator) => Self::Memory { operator: operator.clone() },
            Excess::Value(operator) => Self::Value { operator: operator.clone() },
            Excess::Whole => Self::Whole,
            Excess::Broke(operator) => Self::Broke { operator: operator.clone() },
        }
    }
}

impl From<&Excess> for RunError {
    fn from(excess: &Excess) -> Self {
        match excess {
            Excess::Size(_) | Excess::Whole => Self::Memory,
            Excess::Value(_) => Self::Value,
            Excess::Broke(_) => Self::Panicked,
        }
    }
}

/// What tract says about a model. It can name nodes and shapes, so it is shown to the owner alone.
#[derive(PartialEq, Eq)]
pub struct Detail(String);

impl Detail {
    pub(crate) fn new(text: &impl fmt::Display) -> Self {
        Self(format!("{text:#}").chars().take(MAX_DETAIL_CHARS).collect())
    }

    /// The text, for the owner's eyes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Detail(..)")
    }
}

/// Why one request got no answer. Names only declared things.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The inputs, or the outputs asked for, are not those of the interface.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// A BYTES element that is not UTF-8: tract's strings are text.
    #[error("input '{0}' holds an element that is not UTF-8")]
    Text(String),
    /// The inputs were admitted to another model.
    #[error("the inputs were admitted to another model")]
    OtherModel,
    /// The model does not take this combination of dimensions.
    #[error("the model does not take inputs of this shape")]
    Shape,
    /// The input makes the model ask for a tensor of more than [`MAX_VALUE_BYTES`].
    #[error("the model would take more memory for this input than the engine allows")]
    Memory,
    /// The input gives an operator a length, a step or a number that it cannot take.
    #[error("the input holds a length, a step or a number that the model cannot take")]
    Value,
    /// tract returned an error.
    #[error("the model failed on this input")]
    Failed,
    /// tract panicked.
    #[error("the model broke on this input")]
    Panicked,
    /// The model gave another type than its interface declares.
    #[error("the model gave '{output}' another type than {expected}")]
    Output {
        /// Which output.
        output: String,
        /// Its declared type.
        expected: DType,
    },
}

/// Why a model's answers to given samples are not the expected ones.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// The model did not answer.
    #[error("the model does not take the sample: {0}")]
    Run(#[from] RunError),
    /// An expected array is no output of the model, or none was given.
    #[error("no expected output is given, or one that the model does not have")]
    Names,
    /// Another type or shape than expected.
    #[error("output '{output}' has another type or shape than expected")]
    Shape {
        /// Which output.
        output: String,
    },
    /// Elements differ by more than the tolerance.
    #[error("output '{output}' differs in {elements} elements, by up to {largest}")]
    Values {
        /// Which output.
        output: String,
        /// How many elements lie outside the tolerance.
        elements: usize,
        /// Largest absolute difference; not a number where one side is not.
        largest: f64,
    },
}
