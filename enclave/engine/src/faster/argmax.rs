//! The place of the largest float along an axis, without a view of an array for each place of the answer.
//!
//! Places are those of tract, but where all are infinite.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, Reducer};

/// Puts the operator in the place of tract's, where cells are floats.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(reduce) = model.node(node).op_as::<Reduce>() else { continue };
        let (Reducer::ArgMax(last), &[axis]) = (reduce.reducer, reduce.axes.as_slice()) else { continue };
        if model.node_input_facts(node)?.iter().all(|fact| fact.datum_type == DatumType::F32) {
            model.node_mut(node).op = Box::new(ArgMax { axis, last });
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ArgMax {
    axis: usize,
    /// Of several largest, the last.
    last: bool,
}

impl Op for ArgMax {
    fn name(&self) -> StaticName {
        "ArgMax".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ArgMax {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        let length = shape.get(self.axis).copied().context("no such axis")?;
        let inner: usize = shape.iter().skip(self.axis + 1).product();
        if let Some(length) = shape.get_mut(self.axis) {
            *length = 1;
        }
        let mut places = Tensor::zero::<i64>(&shape)?;
        let mut plain = places.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<i64>()?.chunks_exact_mut(inner.max(1));
        let planes = input.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact((length * inner).max(1));
        let mut largest = vec![f32::NEG_INFINITY; inner];
        for (plane, into) in planes.zip(into) {
            largest.fill(f32::NEG_INFINITY);
            for (row, number) in plane.chunks_exact(inner.max(1)).zip(0_i64..) {
                for ((place, largest), cell) in into.iter_mut().zip(&mut largest).zip(row) {
                    if *cell > *largest || (self.last && *cell == *largest) {
                        (*place, *largest) = (number, *cell);
                    }
                }
            }
        }
        Ok(tvec!(places.into_tvalue()))
    }
}

impl TypedOp for ArgMax {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Reduce { axes: tvec!(self.axis), reducer: Reducer::ArgMax(self.last) }.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_tract() {
        let cells: Vec<f32> =
            (0..3 * 4 * 5).map(|cell| [2.0, -1.0, 7.0, f32::NAN, 7.0][cell * 7 % 11 % 5]).collect();
        let input = tensor1(&cells).into_shape(&[3, 4, 5]).unwrap().into_tvalue();
        for (axis, last) in (0..3).flat_map(|axis| [(axis, false), (axis, true)]) {
            let reduce = Reduce { axes: tvec!(axis), reducer: Reducer::ArgMax(last) };
            let wanted = reduce.eval_out_of_plan(tvec!(input.clone())).unwrap();
            let found = ArgMax { axis, last }.eval_out_of_plan(tvec!(input.clone())).unwrap();
            assert_eq!(found, wanted, "{axis} {last}");
        }
    }
}
