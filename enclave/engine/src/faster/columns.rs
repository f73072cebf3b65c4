//! Sums along an axis, many at a time.
//!
//! tract goes along each column by itself, and along a row one cell after another. Here whole rows
//! are added to each other, and a row is added up in lanes. Sums differ as sums in another order do.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, Reducer};

/// Rows added up before their sum is added to others: what is small is not lost beside what is large.
const BLOCK_ROWS: usize = 32;

/// Cells of a row added up side by side.
const LANES: usize = 16;

/// Puts the operator in the place of tract's, where cells are floats and one axis is reduced.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(reduce) = model.node(node).op_as::<Reduce>() else { continue };
        let &[axis] = reduce.axes.as_slice() else { continue };
        let known = matches!(reduce.reducer, Reducer::Sum | Reducer::MeanOfSquares);
        let facts = model.node_input_facts(node)?;
        if known && facts.iter().all(|fact| fact.datum_type == DatumType::F32) {
            let columns = Columns { axis, reducer: reduce.reducer };
            drop(facts);
            model.node_mut(node).op = Box::new(columns);
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Columns {
    axis: usize,
    reducer: Reducer,
}

impl Op for Columns {
    fn name(&self) -> StaticName {
        format!("Columns<{:?}>", self.reducer).into()
    }

    op_as_typed_op!();
}

impl EvalOp for Columns {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        let length = shape.get(self.axis).copied().context("no such axis")?;
        let inner: usize = shape.iter().skip(self.axis + 1).product();
        if let Some(length) = shape.get_mut(self.axis) {
            *length = 1;
        }
        let mut reduced = Tensor::zero::<f32>(&shape)?;
        let mut plain = reduced.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?;
        let planes = input.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact((length * inner).max(1));
        for (plane, into) in planes.zip(into.chunks_exact_mut(inner.max(1))) {
            match self.reducer {
                Reducer::MeanOfSquares => {
                    sum(into, plane, |cell| cell * cell);
                    into.iter_mut().for_each(|sum| *sum *= 1.0 / length as f32);
                }
                _ => sum(into, plane, |cell| cell),
            }
        }
        Ok(tvec!(reduced.into_tvalue()))
    }
}

fn sum(into: &mut [f32], plane: &[f32], of: impl Fn(f32) -> f32) {
    if let [sum] = into {
        let (chunks, rest) = plane.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, cell)| *lane += of(*cell));
        }
        *sum = lanes.iter().sum::<f32>() + rest.iter().map(|cell| of(*cell)).sum::<f32>();
        return;
    }
    let mut sums = vec![0.0; into.len()];
    for block in plane.chunks((into.len() * BLOCK_ROWS).max(1)) {
        sums.fill(0.0);
        for row in block.chunks_exact(into.len().max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, cell)| *sum += of(*cell));
        }
        into.iter_mut().zip(&sums).for_each(|(into, sum)| *into += sum);
    }
}

impl TypedOp for Columns {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Reduce { axes: tvec!(self.axis), reducer: self.reducer }.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_tract() {
        let cells: Vec<f32> = (0..3 * 70 * 5).map(|cell| ((cell * 37) % 101) as f32 - 60.0).collect();
        let input = tensor1(&cells).into_shape(&[3, 70, 5]).unwrap().into_tvalue();
        for reducer in [Reducer::Sum, Reducer::MeanOfSquares] {
            for axis in 0..3 {
                let reduce = Reduce { axes: tvec!(axis), reducer };
                let wanted = reduce.eval_out_of_plan(tvec!(input.clone())).unwrap().unwrap();
                let found =
                    Columns { axis, reducer }.eval_out_of_plan(tvec!(input.clone())).unwrap().unwrap();
                found[0].close_enough(&wanted[0], Approximation::Close).unwrap();
            }
        }
    }
}
