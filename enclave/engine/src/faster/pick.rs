//! Every second (third, …) place along an axis, by whole rows where rows are what is picked.
//!
//! tract asks for each cell where it lies. Results are the same to the bit.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::Downsample;

/// Puts the operator in the place of tract's, where cells are floats.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(down) = model.node(node).op_as::<Downsample>() else { continue };
        let Ok(step) = usize::try_from(down.stride) else { continue };
        let pick = Pick { axis: down.axis, step, first: down.modulo };
        let floats = model.node_input_facts(node)?.iter().all(|fact| fact.datum_type == DatumType::F32);
        if floats && step > 0 {
            model.node_mut(node).op = Box::new(pick);
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pick {
    axis: usize,
    step: usize,
    first: usize,
}

impl Op for Pick {
    fn name(&self) -> StaticName {
        "Pick".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Pick {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        let length = shape.get(self.axis).copied().context("no such axis")?;
        let inner: usize = shape.iter().skip(self.axis + 1).product();
        let picked = length.saturating_sub(self.first).div_ceil(self.step);
        if let Some(length) = shape.get_mut(self.axis) {
            *length = picked;
        }
        let mut picks = Tensor::zero::<f32>(&shape)?;
        let mut plain = picks.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?.chunks_exact_mut((picked * inner).max(1));
        let planes = input.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact((length * inner).max(1));
        for (plane, into) in planes.zip(into) {
            let plane = plane.get(self.first * inner..).unwrap_or_default();
            if inner == 1 {
                every(plane, self.step, into);
            } else {
                let rows = plane.chunks_exact(inner.max(1)).step_by(self.step);
                into.chunks_exact_mut(inner.max(1))
                    .zip(rows)
                    .for_each(|(into, row)| into.copy_from_slice(row));
            }
        }
        Ok(tvec!(picks.into_tvalue()))
    }
}

/// Fills `into` with the first cell of every `step`, the last of which may be incomplete.
pub(super) fn every(cells: &[f32], step: usize, into: &mut [f32]) {
    if step == 2 {
        // Pairs of a known size, which the compiler takes apart many at a time.
        let (pairs, rest) = cells.as_chunks::<2>();
        let (first, last) = into.split_at_mut(pairs.len().min(into.len()));
        first.iter_mut().zip(pairs).for_each(|(into, [cell, _])| *into = *cell);
        last.iter_mut().zip(rest).for_each(|(into, cell)| *into = *cell);
    } else {
        into.iter_mut().zip(cells.iter().step_by(step)).for_each(|(into, cell)| *into = *cell);
    }
}

impl TypedOp for Pick {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let down = Downsample { axis: self.axis, stride: isize::try_from(self.step)?, modulo: self.first };
        down.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_tract() {
        let cells: Vec<f32> = (0..2 * 5 * 6).map(|cell| cell as f32).collect();
        let image = tensor1(&cells).into_shape(&[2, 5, 6]).unwrap().into_tvalue();
        for code in 0..3 * 4 * 4 {
            let (axis, step, first) = (code % 3, code / 3 % 4 + 1, code / 12);
            let down = Downsample { axis, stride: step as isize, modulo: first };
            // tract slices from behind the end, and fails.
            if first > image.shape()[axis] {
                continue;
            }
            let wanted = down.eval_out_of_plan(tvec!(image.clone())).unwrap();
            let found = Pick { axis, step, first }.eval_out_of_plan(tvec!(image.clone())).unwrap();
            assert_eq!(found, wanted, "{axis} {step} {first}");
        }
    }
}
