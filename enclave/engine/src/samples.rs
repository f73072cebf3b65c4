//! Runs a model on its owner's samples and compares the answers: tract against whatever made them.

use std::collections::BTreeSet;

use strongroom_seal::tensor::{DType, Tensor, strings};
use tract_onnx::prelude::f16;

use crate::error::Mismatch;
use crate::model::Model;

/// How far a floating point element may lie from the expected one: `absolute + relative * |expected|`.
/// Elements of other types must be equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Allowed at any magnitude.
    pub absolute: f64,
    /// Allowed in proportion to the expected element.
    pub relative: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { absolute: 1e-5, relative: 1e-4 }
    }
}

/// What was compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Each compared output.
    pub outputs: Vec<OutputReport>,
}

/// One compared output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputReport {
    /// Its name.
    pub name: String,
    /// How many elements were compared.
    pub elements: usize,
    /// Largest absolute difference.
    pub largest_difference: f64,
}

/// Runs the model on `inputs` and compares the outputs named in `expected`, at least one.
///
/// # Errors
/// See [`Mismatch`].
pub fn check_samples(
    model: &Model,
    inputs: &[Tensor<'_>],
    expected: &[Tensor<'_>],
    tolerance: Tolerance,
) -> Result<Report, Mismatch> {
    let names: Vec<String> = expected.iter().map(|tensor| tensor.name.clone().into_owned()).collect();
    let known: BTreeSet<&str> = model.interface().outputs.iter().map(|output| output.name.as_str()).collect();
    if names.is_empty() || names.iter().any(|name| !known.contains(name.as_str())) {
        return Err(Mismatch::Names);
    }
    let answers = model.run(model.admit(inputs, &names)?)?;
    let outputs = answers.iter().zip(expected).map(|(answer, wanted)| compare(answer, wanted, tolerance));
    Ok(Report { outputs: outputs.collect::<Result<_, _>>()? })
}

fn compare(answer: &Tensor<'_>, wanted: &Tensor<'_>, tolerance: Tolerance) -> Result<OutputReport, Mismatch> {
    let output = || answer.name.clone().into_owned();
    if answer.dtype != wanted.dtype || answer.shape != wanted.shape || wanted.check().is_err() {
        return Err(Mismatch::Shape { output: output() });
    }
    let (mut largest, mut outside, mut elements) = (0.0_f64, 0, 0);
    for (found, wanted) in numbers(answer).zip(numbers(wanted)) {
        let (difference, allowed) = match (found, wanted) {
            (Element::Float(found), Element::Float(wanted)) => {
                (distance(found, wanted), tolerance.absolute + tolerance.relative * wanted.abs())
            }
            (found, wanted) => (if found == wanted { 0.0 } else { 1.0 }, 0.0),
        };
        // What is not a number is within no tolerance, but equal to another that is none either.
        let within = difference == 0.0 || difference <= allowed;
        outside += usize::from(!within);
        largest = if difference.is_nan() { difference } else { largest.max(difference) };
        elements += 1;
    }
    match outside {
        0 => Ok(OutputReport { name: output(), elements, largest_difference: largest }),
        elements => Err(Mismatch::Values { output: output(), elements, largest }),
    }
}

/// Zero for two infinities of one sign and for two that are not numbers.
fn distance(found: f64, wanted: f64) -> f64 {
    if found == wanted || (found.is_nan() && wanted.is_nan()) { 0.0 } else { (found - wanted).abs() }
}

#[derive(PartialEq)]
enum Element<'a> {
    Float(f64),
    Exact(&'a [u8]),
}

fn numbers<'a>(tensor: &'a Tensor<'_>) -> Box<dyn Iterator<Item = Element<'a>> + 'a> {
    let Some(width) = tensor.dtype.element_bytes() else {
        return Box::new(strings(&tensor.data).map(|string| Element::Exact(string.unwrap_or_default())));
    };
    let dtype = tensor.dtype;
    Box::new(
        tensor
            .data
            .chunks_exact(width)
            .map(move |bytes| float(dtype, bytes).map_or(Element::Exact(bytes), Element::Float)),
    )
}

fn float(dtype: DType, bytes: &[u8]) -> Option<f64> {
    match dtype {
        DType::Fp16 => Some(f16::from_le_bytes(bytes.try_into().ok()?).to_f64()),
        DType::Fp32 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        DType::Fp64 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}
