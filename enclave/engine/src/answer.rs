//! How large a model's outputs get, from the shapes that tract infers.

use strongroom_seal::model::{AnswerBound, Dim, Interface, TensorSpec};
use tract_onnx::prelude::InferenceModel;

use crate::compile::{self, SymbolValues};
use crate::error::LoadError;
use crate::limits::{MAX_CORNER_SYMBOLS, MAX_TENSOR_BYTES, OUTPUT_OVERHEAD_BYTES};

/// The shape of an output, `None` where it depends on more than the inputs' shapes.
pub(crate) type OutputShape = Option<Vec<u64>>;

/// The shapes of all outputs for these values of the symbols.
pub(crate) fn output_shapes(
    interface: &Interface,
    graph: &InferenceModel,
    values: &SymbolValues,
) -> Result<Vec<OutputShape>, LoadError> {
    let wired = compile::wire(graph.clone(), interface, Some(values))?;
    let typed = compile::attempt(|| {
        let mut typed = compile::typed(wired)?;
        let mut outputs = (0..typed.outputs.len()).map(|output| typed.output_fact(output));
        // Shapes computed inside the graph are known only once its constants are folded.
        if !outputs.all(|fact| fact.is_ok_and(|fact| fact.shape.is_concrete())) {
            typed.declutter()?;
        }
        Ok(typed)
    })?;
    let shape = |position: usize| {
        let shape = &typed.output_fact(position).ok()?.shape;
        shape.as_concrete().map(|dims| dims.iter().map(|dim| *dim as u64).collect())
    };
    Ok((0..typed.outputs.len()).map(shape).collect())
}

/// Whether the model takes these values, and inputs and outputs still fit in a record.
pub(crate) fn fits(interface: &Interface, graph: &InferenceModel, values: &SymbolValues) -> bool {
    let small = |bytes: u64| bytes <= MAX_TENSOR_BYTES;
    small(input_bytes(interface, values))
        && output_shapes(interface, graph, values).is_ok_and(|shapes| {
            // Outputs have no types yet; eight bytes is the widest.
            small(
                shapes
                    .iter()
                    .flatten()
                    .map(|shape| product(shape).saturating_mul(8))
                    .fold(0, u64::saturating_add),
            )
        })
}

/// Bounds the answers by trying every combination of the symbols' smallest and largest values.
///
/// Output over input size is a quotient of products of symbols: in each symbol alone it only rises
/// or only falls, so its largest value lies at one of these corners.
pub(crate) fn derive(interface: &Interface, graph: &InferenceModel) -> Result<AnswerBound, LoadError> {
    let symbols = interface.symbols.len();
    if symbols > MAX_CORNER_SYMBOLS {
        return Err(unknown(interface.outputs.first()));
    }
    let (mut bytes_per_request_kib, mut max_bytes) = (0_u64, 0_u64);
    for corner in 0..1_usize << symbols {
        let values = values_at(interface, corner);
        let input = input_bytes(interface, &values).max(1);
        let output = output_bytes(interface, &output_shapes(interface, graph, &values)?)?;
        bytes_per_request_kib = bytes_per_request_kib.max(output.saturating_mul(1024).div_ceil(input));
        max_bytes = max_bytes.max(output);
    }
    let names = interface.outputs.iter().map(|output| output.name.len() as u64 + OUTPUT_OVERHEAD_BYTES);
    Ok(AnswerBound {
        names_bytes: names.fold(0, u64::saturating_add),
        bytes_per_request_kib,
        max_bytes: max_bytes.min(MAX_TENSOR_BYTES),
    })
}

/// The symbols at the end of their ranges that the bits of `corner` say.
fn values_at(interface: &Interface, corner: usize) -> SymbolValues {
    let end = |(bit, (symbol, range)): (usize, (&String, &strongroom_seal::model::DimRange))| {
        (symbol.clone(), if (corner >> bit) & 1 == 1 { range.max } else { range.min })
    };
    interface.symbols.iter().enumerate().map(end).collect()
}

/// Fewest bytes of inputs of this shape; a BYTES element has at least its length.
fn input_bytes(interface: &Interface, values: &SymbolValues) -> u64 {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(fixed) => *fixed,
        Dim::Symbol(symbol) => values.get(symbol).copied().unwrap_or(1),
    };
    let bytes = |spec: &TensorSpec| {
        let elements = spec.shape.iter().map(dim).fold(1, u64::saturating_mul);
        elements.saturating_mul(spec.dtype.element_bytes().unwrap_or(4) as u64)
    };
    interface.inputs.iter().map(bytes).fold(0, u64::saturating_add)
}

fn output_bytes(interface: &Interface, shapes: &[OutputShape]) -> Result<u64, LoadError> {
    let mut total = 0_u64;
    for (spec, shape) in interface.outputs.iter().zip(shapes) {
        let (Some(shape), Some(width)) = (shape, spec.dtype.element_bytes()) else {
            return Err(unknown(Some(spec)));
        };
        total = total.saturating_add(product(shape).saturating_mul(width as u64));
    }
    Ok(total)
}

fn product(shape: &[u64]) -> u64 {
    shape.iter().copied().fold(1, u64::saturating_mul)
}

fn unknown(output: Option<&TensorSpec>) -> LoadError {
    LoadError::AnswerBound { output: output.map(|spec| spec.name.clone()).unwrap_or_default() }
}
