//! The largest and the smallest cells along axes, infinite where all cells are.
//!
//! tract starts from the largest finite number, so that what is hidden entirely, which attention masks
//! say with infinities, counts as visible; and it fails where cells are true or false. What is not a
//! number stays so. Whole rows are compared with each other, and a row with itself in lanes.

use std::borrow::Cow;

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, Reducer};

/// Cells of a row compared side by side.
const LANES: usize = 16;

/// Puts the operator in the place of tract's, where cells can be infinite.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(reduce) = model.node(node).op_as::<Reduce>() else { continue };
        let largest = match reduce.reducer {
            Reducer::Max => true,
            Reducer::Min => false,
            _ => continue,
        };
        let axes = reduce.axes.clone();
        let kind = model.node_input_facts(node)?.first().context("no input")?.datum_type;
        if kind.is_float() {
            model.node_mut(node).op = Box::new(Extremes { axes, largest });
        } else if kind == DatumType::Bool {
            let reducer = if largest { Reducer::Any } else { Reducer::All };
            model.node_mut(node).op = Box::new(Reduce { axes, reducer });
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Extremes {
    axes: TVec<usize>,
    largest: bool,
}

impl Op for Extremes {
    fn name(&self) -> StaticName {
        if self.largest { "Largest" } else { "Smallest" }.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Extremes {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let extremes = match input.datum_type() {
            DatumType::F16 => self.along(&input, [f16::NEG_INFINITY, f16::INFINITY]),
            DatumType::F32 => self.along(&input, [f32::NEG_INFINITY, f32::INFINITY]),
            DatumType::F64 => self.along(&input, [f64::NEG_INFINITY, f64::INFINITY]),
            _ => bail!("extremes of what cannot be infinite"),
        };
        Ok(tvec!(extremes?.into_tvalue()))
    }
}

impl Extremes {
    /// All axes, one after the other.
    fn along<T: Datum + Copy + PartialOrd>(
        &self,
        input: &Tensor,
        [low, high]: [T; 2],
    ) -> TractResult<Tensor> {
        let mut shape: TVec<usize> = input.shape().into();
        let mut cells = Cow::Borrowed(input.try_as_plain_ram()?.as_slice::<T>()?);
        for axis in &self.axes {
            cells = Cow::Owned(if self.largest {
                along_one(&cells, &shape, *axis, low, |x, y| if x > y || is_nan(x) { x } else { y })
            } else {
                along_one(&cells, &shape, *axis, high, |x, y| if x < y || is_nan(x) { x } else { y })
            });
            *shape.get_mut(*axis).context("no such axis")? = 1;
        }
        tensor1(&cells).into_shape(&shape)
    }
}

#[allow(clippy::eq_op, reason = "only what is not a number differs from itself")]
fn is_nan<T: PartialOrd + Copy>(x: T) -> bool {
    x != x
}

fn along_one<T: Copy>(
    cells: &[T],
    shape: &[usize],
    axis: usize,
    first: T,
    keep: impl Fn(T, T) -> T,
) -> Vec<T> {
    let inner: usize = shape.iter().skip(axis + 1).product();
    let outer: usize = shape.iter().take(axis).product();
    let plane = shape.get(axis).copied().unwrap_or_default() * inner;
    let mut extremes = vec![first; outer * inner];
    let into = extremes.chunks_exact_mut(inner.max(1));
    for (into, plane) in into.zip(cells.chunks_exact(plane.max(1))) {
        if let [extreme] = into {
            *extreme = of_row(plane, first, &keep);
            continue;
        }
        for row in plane.chunks_exact(inner.max(1)) {
            into.iter_mut().zip(row).for_each(|(into, cell)| *into = keep(*into, *cell));
        }
    }
    extremes
}

fn of_row<T: Copy>(row: &[T], first: T, keep: impl Fn(T, T) -> T) -> T {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [first; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, cell)| *lane = keep(*lane, *cell));
    }
    lanes.iter().chain(rest).fold(first, |extreme, cell| keep(extreme, *cell))
}

impl TypedOp for Extremes {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let reducer = if self.largest { Reducer::Max } else { Reducer::Min };
        Reduce { axes: self.axes.clone(), reducer }.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(input: &TValue, axes: &[usize], largest: bool) -> Tensor {
        let extremes = Extremes { axes: axes.into(), largest };
        extremes.eval_out_of_plan(tvec!(input.clone())).unwrap().unwrap().remove(0).into_tensor()
    }

    #[test]
    fn finite_extremes_are_those_of_tract() {
        let cells: Vec<f32> = (0..3 * 70 * 5).map(|cell| ((cell * 37) % 101) as f32 - 60.0).collect();
        let input = tensor1(&cells).into_shape(&[3, 70, 5]).unwrap().into_tvalue();
        for axes in [&[0][..], &[1], &[2], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]] {
            for (largest, reducer) in [(true, Reducer::Max), (false, Reducer::Min)] {
                let reduce = Reduce { axes: axes.into(), reducer };
                let wanted = reduce.eval_out_of_plan(tvec!(input.clone())).unwrap().unwrap();
                assert_eq!(found(&input, axes, largest), *wanted[0], "{axes:?} {largest}");
            }
        }
    }

    #[test]
    fn infinities_and_what_is_not_a_number_stay() {
        let low = tensor2(&[[f32::NEG_INFINITY; 20]; 3]).into_tvalue();
        let high = tensor2(&[[f32::INFINITY; 20]; 3]).into_tvalue();
        for axes in [&[0][..], &[1], &[0, 1]] {
            assert!(
                found(&low, axes, true)
                    .try_as_plain_ram()
                    .unwrap()
                    .as_slice::<f32>()
                    .unwrap()
                    .iter()
                    .all(|cell| *cell == f32::NEG_INFINITY)
            );
            assert!(
                found(&high, axes, false)
                    .try_as_plain_ram()
                    .unwrap()
                    .as_slice::<f32>()
                    .unwrap()
                    .iter()
                    .all(|cell| *cell == f32::INFINITY)
            );
        }
        let holes = tensor1(&[1.0, f32::NAN, 3.0]).into_tvalue();
        for largest in [true, false] {
            assert!(
                found(&holes, &[0], largest).try_as_plain_ram().unwrap().as_slice::<f32>().unwrap()[0]
                    .is_nan()
            );
        }
    }

    #[test]
    fn of_nothing_there_is_no_largest() {
        let nothing = Tensor::zero::<f32>(&[2, 0]).unwrap().into_tvalue();
        assert_eq!(found(&nothing, &[1], true), tensor2(&[[f32::NEG_INFINITY], [f32::NEG_INFINITY]]));
    }
}
