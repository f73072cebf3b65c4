//! The largest of every window of an image, row by row.
//!
//! tract asks for each cell of a window where it lies. Here the rows of a window are compared first,
//! whole rows at a time, then that one row with itself moved on, and then the windows that are
//! wanted are picked. Results are the same to the bit.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::cnn::{OptMaxPool, PoolSpec};

use super::pick::every;

/// Puts the operator in the place of tract's, where images are floats, channel by channel.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(pool) = model.node(node).op_as::<OptMaxPool>() else { continue };
        let floats = model.node_input_facts(node)?.iter().all(|fact| fact.datum_type == DatumType::F32);
        let plain = pool.with_index_outputs.is_none() && !pool.pool_spec.data_format.c_is_last();
        let two = pool.pool_spec.kernel_shape.len() == 2
            && pool.pool_spec.dilations().iter().all(|step| *step == 1);
        if floats && plain && two {
            let pool = MaxPool(pool.pool_spec.clone());
            model.node_mut(node).op = Box::new(pool);
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct MaxPool(PoolSpec);

impl Op for MaxPool {
    fn name(&self) -> StaticName {
        "MaxPoolByRows".into()
    }

    op_as_typed_op!();
}

impl EvalOp for MaxPool {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let [outer @ .., height, width] = input.shape() else { bail!("an image has a height and a width") };
        let padded = self.0.computed_padding(&[*height, *width]);
        let [rows, columns] = padded.as_slice() else { bail!("an image has two axes") };
        let along = |axis: usize, out: usize, before: usize, length: usize| Windows {
            kernel: self.0.kernel_shape.get(axis).copied().unwrap_or(1),
            step: self.0.strides().get(axis).copied().unwrap_or(1),
            before,
            length,
            out,
        };
        let rows = along(0, rows.convoluted, rows.pad_before, *height);
        let columns = along(1, columns.convoluted, columns.pad_before, *width);
        let cells = input.try_as_plain_ram()?.as_slice::<f32>()?;
        let shape: TVec<usize> = outer.iter().copied().chain([rows.out, columns.out]).collect();
        let mut largest = Tensor::zero::<f32>(&shape)?;
        let mut plain = largest.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?.chunks_exact_mut((rows.out * columns.out).max(1));
        for (plane, into) in cells.chunks_exact((height * width).max(1)).zip(into) {
            of_plane(plane, &rows, &columns, into);
        }
        Ok(tvec!(largest.into_tvalue()))
    }
}

fn of_plane(plane: &[f32], rows: &Windows, columns: &Windows, largest: &mut [f32]) {
    let width = columns.length;
    // What is beside the image is smaller than all that is in it.
    let mut row = vec![f32::MIN; columns.span()];
    let mut windows = row.clone();
    windows.truncate(columns.span().saturating_sub(columns.kernel - 1));
    for (y, into) in largest.chunks_exact_mut(columns.out.max(1)).enumerate() {
        row.fill(f32::MIN);
        let window = rows.cells(y);
        let window = plane.get(window.start * width..window.end * width).unwrap_or_default();
        for other in window.chunks_exact(width.max(1)) {
            let inside = row.get_mut(columns.before..).unwrap_or_default();
            inside.iter_mut().zip(other).for_each(|(x, other)| *x = larger(*x, *other));
        }
        windows.iter_mut().zip(&row).for_each(|(x, first)| *x = *first);
        for moved in 1..columns.kernel {
            let others = row.get(moved..).unwrap_or_default();
            windows.iter_mut().zip(others).for_each(|(x, other)| *x = larger(*x, *other));
        }
        every(&windows, columns.step, into);
    }
}

impl TypedOp for MaxPool {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    as_op!();
}

/// The second only if it is larger: what is not a number never is.
fn larger(one: f32, other: f32) -> f32 {
    if one < other { other } else { one }
}

/// The windows along one axis.
struct Windows {
    kernel: usize,
    step: usize,
    /// Cells that the first window has before the image.
    before: usize,
    length: usize,
    out: usize,
}

impl Windows {
    /// The cells of the image in a window.
    fn cells(&self, window: usize) -> std::ops::Range<usize> {
        let start = window * self.step;
        let end = (start + self.kernel).saturating_sub(self.before).min(self.length);
        start.saturating_sub(self.before).min(end)..end
    }

    /// Cells from the first window's first to the last window's last.
    fn span(&self) -> usize {
        if self.out == 0 { 0 } else { (self.out - 1) * self.step + self.kernel }
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::tract_core::ops::cnn::{MaxPool as Pool, PaddingSpec};
    use tract_onnx::tract_hir::tract_core::ops::nn::DataFormat;

    use super::*;

    /// Every small geometry, against tract's own.
    #[test]
    fn windows_are_those_of_tract() {
        let mut geometries = 0;
        for code in 0..3 * 3 * 3 * 3 * 2 * 2 {
            let digit = |place: usize, base: usize| code / place % base;
            let (kernel, steps) =
                (tvec![digit(1, 3) + 1, digit(3, 3) + 1], tvec![digit(9, 3) + 1, digit(27, 3) + 1]);
            let (before, after) = (tvec![digit(81, 2), digit(162, 2)], tvec![digit(162, 2), digit(81, 2)]);
            if kernel
                .iter()
                .zip(before.iter().zip(&after))
                .any(|(kernel, (one, other))| one.max(other) >= kernel)
            {
                continue;
            }
            let padding = PaddingSpec::Explicit(before, after);
            let spec = PoolSpec::new(DataFormat::NCHW, kernel, padding, None, Some(steps), 2, 2);
            let image: Vec<f32> = (0..2 * 2 * 7 * 6).map(|i| ((i * 37) % 101) as f32 - 60.0).collect();
            let image = tensor1(&image).into_shape(&[2, 2, 7, 6]).unwrap().into_tvalue();
            let pool = Pool { pool_spec: spec.clone(), with_index_outputs: None };
            let wanted = pool.eval_out_of_plan(tvec!(image.clone())).unwrap();
            let found = MaxPool(spec).eval_out_of_plan(tvec!(image)).unwrap();
            assert_eq!(found, wanted, "{code}");
            geometries += 1;
        }
        assert!(geometries > 100);
    }
}
