//! A request as it arrives, to a question. Errors name the field and repeat nothing.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use strongroom_proto::name::Name;
use strongroom_seal::limits::MAX_TENSORS;
use strongroom_seal::tensor::{DType, Tensor};

use super::contents;
use super::generated::infer_parameter::ParameterChoice;
use super::generated::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use super::generated::{InferParameter, ModelInferRequest};
use crate::failure::Failure;
use crate::upstream::Question;

/// Parameters that ask for something which is not offered; to ignore them would change the answer.
const NOT_OFFERED: [&str; 8] = [
    "classification",
    "shared_memory_region",
    "shared_memory_byte_size",
    "shared_memory_offset",
    "sequence_id",
    "sequence_start",
    "sequence_end",
    "triton_enable_empty_final_response",
];

/// What the name of a parameter starts with that declares a risk field for routes.
const RISK: &str = "risk.";

/// How tensors travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As bytes beside the message.
    Raw,
    /// As typed lists inside it.
    Typed,
}

/// A question, and how its answer is to look.
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) id: String,
    pub(super) form: Form,
}

/// The version of a name and version pair; empty asks for the only one.
pub(super) fn version(text: &str) -> Result<Option<Name>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Failure::unknown_model())
}

pub(super) fn read(request: ModelInferRequest) -> Result<Asked, Failure> {
    let ModelInferRequest { model_name, model_version, id, parameters, inputs, outputs, raw_input_contents } =
        request;
    let model = model_name.parse().map_err(|_| Failure::unknown_model())?;
    if inputs.len() > MAX_TENSORS || outputs.len() > MAX_TENSORS {
        return Err(Failure::request("inputs or outputs: longer than the bound"));
    }
    offered("parameters", &parameters)?;
    let risk = risk(&parameters)?;
    let form = if raw_input_contents.is_empty() { Form::Typed } else { Form::Raw };
    let inputs = match form {
        Form::Raw => raw(inputs, raw_input_contents)?,
        Form::Typed => inputs.into_iter().enumerate().map(typed).collect::<Result<_, _>>()?,
    };
    twice(&inputs)?;
    let outputs = outputs.into_iter().enumerate().map(output).collect::<Result<_, _>>()?;
    let version = version(&model_version)?;
    Ok(Asked { question: Question { model, version, inputs, outputs, risk }, id, form })
}

fn raw(inputs: Vec<InferInputTensor>, contents: Vec<Bytes>) -> Result<Vec<Tensor<'static>>, Failure> {
    if inputs.len() != contents.len() {
        return Err(Failure::request("raw_input_contents: has another number of entries than inputs"));
    }
    let read = |(index, (input, bytes)): (usize, (InferInputTensor, Bytes))| {
        if input.contents.is_some() {
            let wrong = "is there beside raw_input_contents: give one of the two";
            return Err(Failure::request(format!("inputs[{index}].contents: {wrong}")));
        }
        let (name, dtype, shape) = head(index, input.name, &input.datatype, &input.shape)?;
        offered(&format!("inputs[{index}].parameters"), &input.parameters)?;
        checked(index, Tensor { name: name.into(), dtype, shape, data: Vec::from(bytes).into() })
    };
    inputs.into_iter().zip(contents).enumerate().map(read).collect()
}

fn typed((index, input): (usize, InferInputTensor)) -> Result<Tensor<'static>, Failure> {
    let (name, dtype, shape) = head(index, input.name, &input.datatype, &input.shape)?;
    offered(&format!("inputs[{index}].parameters"), &input.parameters)?;
    let data = contents::read(dtype, &input.contents.unwrap_or_default());
    let data = data.map_err(|error| Failure::request(format!("inputs[{index}].contents: {error}")))?;
    checked(index, Tensor { name: name.into(), dtype, shape, data: data.into() })
}

fn head(
    index: usize,
    name: String,
    datatype: &str,
    shape: &[i64],
) -> Result<(String, DType, Vec<u64>), Failure> {
    let dtype = DType::from_name(datatype).ok_or_else(|| {
        Failure::request(format!("inputs[{index}].datatype: is not one of the Open Inference Protocol"))
    })?;
    let sizes: Option<Vec<u64>> = shape.iter().map(|size| u64::try_from(*size).ok()).collect();
    let sizes = sizes.ok_or_else(|| {
        Failure::request(format!("inputs[{index}].shape: a dimension is negative; a request states sizes"))
    })?;
    Ok((name, dtype, sizes))
}

fn checked(index: usize, tensor: Tensor<'static>) -> Result<Tensor<'static>, Failure> {
    tensor.check().map_err(|error| Failure::request(format!("inputs[{index}]: {error}")))?;
    Ok(tensor)
}

fn twice(inputs: &[Tensor<'static>]) -> Result<(), Failure> {
    let repeated = |(index, input): (usize, &Tensor<'static>)| {
        inputs.iter().take(index).any(|earlier| earlier.name == input.name).then_some(index)
    };
    match inputs.iter().enumerate().find_map(repeated) {
        Some(index) => Err(Failure::request(format!("inputs[{index}].name: is that of an earlier input"))),
        None => Ok(()),
    }
}

fn output((index, output): (usize, InferRequestedOutputTensor)) -> Result<String, Failure> {
    offered(&format!("outputs[{index}].parameters"), &output.parameters)?;
    Ok(output.name)
}

fn offered(at: &str, parameters: &HashMap<String, InferParameter>) -> Result<(), Failure> {
    match NOT_OFFERED.into_iter().find(|name| parameters.contains_key(*name)) {
        Some(name) => Err(Failure::request(format!("{at}.{name}: is not offered"))),
        None => Ok(()),
    }
}

fn risk(parameters: &HashMap<String, InferParameter>) -> Result<BTreeMap<Name, f64>, Failure> {
    let declared = parameters.iter().filter_map(|(name, value)| Some((name.strip_prefix(RISK)?, value)));
    let one = |(name, value): (&str, &InferParameter)| {
        let wrong = || Failure::request("parameters: a risk field is risk.NAME with a finite number");
        let number = match value.parameter_choice {
            Some(ParameterChoice::DoubleParam(number)) => Some(number),
            #[expect(clippy::cast_precision_loss, reason = "a declared amount; routes compare doubles")]
            Some(ParameterChoice::Int64Param(number)) => Some(number as f64),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite()).ok_or_else(wrong)?;
        Ok((name.parse().map_err(|_| wrong())?, number))
    };
    declared.map(one).collect()
}
