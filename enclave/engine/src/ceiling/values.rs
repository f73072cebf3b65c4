//! What operators must not be given as lengths, steps and numbers of things.
//!
//! tract multiplies lengths without asking whether the product fits, divides by steps that are
//! nothing, and takes more of the largest cells than there are.

use tract_onnx::tract_hir::internal::*;

use super::Excess;
use crate::limits::MAX_EXTENT;

/// Cells up to which a list of lengths is looked at; tract has no more axes than that either.
const MAX_LISTED: usize = 256;

/// Checks the values of an operator's inputs, where they are known.
pub(super) fn check(operator: &str, inputs: &[Option<&Tensor>]) -> Result<(), Excess> {
    let given = |position: usize| inputs.get(position).copied().flatten();
    let sound = match operator {
        "ConstantOfShape" => all(given(0), 0..=MAX_EXTENT),
        "Tile" | "DynTile" | "MultiBroadcastTo" | "OneHot" | "Topk" => all(given(1), 0..=MAX_EXTENT),
        "Reshape" => all(given(1), -1..=MAX_EXTENT),
        "Pad" => all(given(1), -MAX_EXTENT..=MAX_EXTENT),
        "Range" => steps(given(0), given(1), given(2)),
        "Resize" => inputs.iter().skip(1).next_back().is_none_or(|last| scales(*last)),
        "StridedSlice" => bounds(given(1), given(2), given(4)),
        _ => true,
    };
    if sound { Ok(()) } else { Err(Excess::Value(operator.to_owned())) }
}

fn wholes(tensor: &Tensor) -> Option<Vec<i64>> {
    let whole = tensor.datum_type().is_integer() || tensor.datum_type().is_tdim();
    if !whole || tensor.len() > MAX_LISTED {
        return None;
    }
    let cells = tensor.cast_to::<i64>().ok()?;
    Some(cells.try_as_plain_ram().ok()?.as_slice::<i64>().ok()?.to_vec())
}

fn floats(tensor: &Tensor) -> Option<Vec<f64>> {
    if tensor.len() > MAX_LISTED || tensor.datum_type().is_tdim() || !tensor.datum_type().is_number() {
        return None;
    }
    let cells = tensor.cast_to::<f64>().ok()?;
    Some(cells.try_as_plain_ram().ok()?.as_slice::<f64>().ok()?.to_vec())
}

fn all(tensor: Option<&Tensor>, range: std::ops::RangeInclusive<i64>) -> bool {
    tensor.and_then(wholes).is_none_or(|cells| cells.iter().all(|cell| range.contains(cell)))
}

/// A range has two ends and a step that leads somewhere, and not too many steps between them.
fn steps(start: Option<&Tensor>, limit: Option<&Tensor>, step: Option<&Tensor>) -> bool {
    let one = |tensor: Option<&Tensor>| tensor.and_then(floats).and_then(|cells| cells.first().copied());
    let number = |number: Option<f64>| number.is_none_or(f64::is_finite);
    let (start, limit, step) = (one(start), one(limit), one(step));
    if !number(start) || !number(limit) || !number(step) || step == Some(0.0) {
        return false;
    }
    match (start, limit, step) {
        (Some(start), Some(limit), Some(step)) => (limit - start) / step <= MAX_EXTENT as f64,
        _ => true,
    }
}

/// Factors or lengths of an image's axes.
fn scales(tensor: Option<&Tensor>) -> bool {
    let Some(tensor) = tensor else { return true };
    if !tensor.datum_type().is_float() {
        return all(Some(tensor), 1..=MAX_EXTENT);
    }
    let fits = |scale: &f64| *scale > 0.0 && *scale <= MAX_EXTENT as f64;
    floats(tensor).is_none_or(|scales| scales.iter().all(fits))
}

/// A slice has steps that lead somewhere, from a first place that is not beyond all others.
fn bounds(starts: Option<&Tensor>, ends: Option<&Tensor>, steps: Option<&Tensor>) -> bool {
    let listed = |tensor: Option<&Tensor>| tensor.and_then(wholes).unwrap_or_default();
    let near = |step: &i64| *step != 0 && *step > i64::MIN;
    let (starts, ends, steps) = (listed(starts), listed(ends), listed(steps));
    let turned = starts.iter().zip(&ends).zip(&steps);
    steps.iter().all(near)
        && turned.into_iter().all(|((start, end), step)| *step < 0 || (*start < i64::MAX && *end > i64::MIN))
}
