//! Open Inference Protocol v2: the bodies of an infer request and response, in JSON and with binary tensors behind it.
//!
//! `data` is row-major, flat or nested as the shape says. BYTES elements are JSON strings; FP16 and BF16 have no JSON form,
//! and neither have NaN and the infinities: all of them are refused, never rounded or guessed, and travel in binary
//! alone. An error names the field, such as `inputs[0].data`, and never repeats a value.
//!
//! - `json` reads values and `data` elements without values; `element` is one of them.
//! - `read` and `tensor` make requests and responses of them; `parameters` says which parameters count.
//! - `binary` is the extension; `write` the way back.

mod binary;
mod data;
mod element;
mod json;
mod parameters;
mod read;
mod tensor;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use strongroom_proto::name::Name;
use strongroom_seal::tensor::{DType, Tensor, TensorError};

use crate::limits::{MAX_JSON_BYTES, MAX_JSON_ID_BYTES, MAX_JSON_VALUES};

pub use binary::Wanted;
pub use read::{read_infer, read_request, read_response};
pub use write::{write_answer, write_request, write_response};

/// The body of an infer request. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq, Eq)]
pub struct InferBody {
    /// The caller's name for it, repeated in the response.
    pub id: Option<String>,
    /// Input tensors.
    pub inputs: Vec<Tensor<'static>>,
    /// Names of the outputs wanted, all of them when empty.
    pub outputs: Vec<String>,
}

/// An infer request with all that its parameters say. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq)]
pub struct Asked {
    /// What is asked.
    pub body: InferBody,
    /// What is declared of the request where a route chooses by it, from parameters named `risk.NAME`.
    pub risk: BTreeMap<Name, f64>,
    /// Which outputs are wanted in binary.
    pub binary: Wanted,
}

/// The body of an infer response. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseBody {
    /// The request's id.
    pub id: Option<String>,
    /// Which model answered.
    pub model: Name,
    /// Which version of it.
    pub version: Name,
    /// Output tensors.
    pub outputs: Vec<Tensor<'static>>,
}

/// What is wrong with a body, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OipError {
    /// More than [`MAX_JSON_BYTES`].
    #[error("the JSON has more than {MAX_JSON_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_JSON_VALUES`].
    #[error("the JSON has more than {MAX_JSON_VALUES} values beside the elements of tensors")]
    TooMany,
    /// Not JSON. NaN and Infinity are no JSON either.
    #[error("not JSON, line {line}, column {column}")]
    Syntax {
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
    },
    /// A field, and what is wrong with it.
    #[error("{field}: {fault}")]
    Field {
        /// Its path, such as `inputs[0].data`.
        field: String,
        /// What is wrong.
        fault: Fault,
    },
}

/// What is wrong with a field. Repeats no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not there.
    #[error("is missing")]
    Missing,
    /// Of another JSON type.
    #[error("is not {0}")]
    Type(&'static str),
    /// No such field.
    #[error("holds a field that the protocol does not have, or that is not supported")]
    Unknown,
    /// Parameters ask for something.
    #[error("parameters for binary outputs and risks are not supported here")]
    Parameters,
    /// A parameter asks for another answer than would come.
    #[error("is a parameter that is not supported here")]
    Parameter,
    /// A parameter named `risk.NAME` declares nothing.
    #[error(
        "a parameter that begins with 'risk.' must end with a name, hold a finite number and belong to the request"
    )]
    Risk,
    /// The same name a second time.
    #[error("is given twice")]
    Twice,
    /// Elements in JSON and behind it.
    #[error("stands beside binary_data_size; give only one of them")]
    Both,
    /// Fewer bytes behind the JSON than inputs ask for.
    #[error("asks for more bytes than the body has behind its JSON")]
    Short,
    /// More bytes behind the JSON than inputs ask for.
    #[error("has bytes behind its JSON that belong to no input")]
    Surplus,
    /// No such datatype.
    #[error("is not a datatype of the Open Inference Protocol")]
    Datatype,
    /// A datatype without a JSON form.
    #[error("FP16 and BF16 have no JSON form, only a binary one")]
    NoJsonForm,
    /// `data` in lists nested otherwise than the shape.
    #[error("must be one flat row-major list, or nested as the shape says")]
    Nested,
    /// Another number of elements than the shape's product.
    #[error("has another number of elements than the shape asks for")]
    Count,
    /// An element of another JSON type.
    #[error("element {index} is not {expected}")]
    Element {
        /// Which element, counted from 0.
        index: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// An element that its type cannot hold.
    #[error("element {index} does not fit the datatype")]
    Range {
        /// Which element, counted from 0.
        index: usize,
    },
    /// NaN, an infinity or a string that is not UTF-8, on the way out.
    #[error("element {index} has no JSON form")]
    Unwritable {
        /// Which element, counted from 0.
        index: usize,
    },
    /// The tensor contradicts itself.
    #[error("{0}")]
    Tensor(TensorError),
    /// More than a bound.
    #[error("is longer than the bound")]
    TooLong,
}

impl Fault {
    /// The error that this is in a field.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> OipError {
        OipError::Field { field: field.into(), fault: self }
    }
}

/// Types that a JSON tensor can have.
#[must_use]
pub const fn has_json_form(dtype: DType) -> bool {
    !matches!(dtype, DType::Fp16 | DType::Bf16)
}
