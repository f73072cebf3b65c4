//! Refuses what tract is known to compute wrongly, where only its own form of a graph tells.
//!
//! A slice with steps: tract leaves an axis whole, without a word, when a bound is not known while
//! it compiles. A softmax along an axis that is not there: it gives ones. A pool whose kernel is larger than
//! the image with its pads: it gives one value of less.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::StridedSlice;
use tract_onnx::tract_hir::tract_core::ops::cnn::{MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_hir::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::tract_core::ops::nn::Softmax;
use tract_onnx::tract_hir::tract_core::ops::scan::Scan;

/// Looks through a model that was just given its types, and through the models inside it.
pub(crate) fn check(model: &TypedModel) -> TractResult<()> {
    for node in model.nodes() {
        if let Some(slice) = node.op_as::<StridedSlice>() {
            ensure!(
                bounds_are_known(slice, &model.node_input_facts(node.id)?)?,
                "a slice with steps needs bounds that are constants"
            );
        }
        if let Some(softmax) = node.op_as::<Softmax>() {
            let ranks = model.node_input_facts(node.id)?.iter().map(|fact| fact.rank()).collect::<TVec<_>>();
            let known = |axis: &usize| ranks.iter().all(|rank| axis < rank);
            ensure!(softmax.axes.iter().all(known), "a softmax along an axis that is not there");
        }
        let pool = node.op_as::<MaxPool>().map(|pool| &pool.pool_spec);
        if let Some(pool) = pool.or_else(|| node.op_as::<SumPool>().map(|pool| &pool.pool_spec)) {
            let inputs = model.node_input_facts(node.id)?;
            ensure!(
                inputs.first().is_none_or(|image| kernel_fits(pool, &image.shape)),
                "a kernel_shape is larger than the image"
            );
        }
        if let Some(scan) = node.op_as::<Scan>() {
            check(&scan.body)?;
        }
        if let Some(either) = node.op_as::<IfThenElse>() {
            check(&either.then_body)?;
            check(&either.else_body)?;
        }
    }
    Ok(())
}

fn bounds_are_known(slice: &StridedSlice, inputs: &[&TypedFact]) -> TractResult<bool> {
    let Some(steps) = slice.optional_steps_input.and_then(|steps| inputs.get(steps)) else { return Ok(true) };
    let known = inputs.iter().skip(1).take(2).all(|bound| bound.konst.is_some());
    let Some(steps) = steps.konst.as_ref().filter(|_| !known) else { return Ok(known) };
    let steps = steps.cast_to::<i64>()?;
    Ok(steps.try_as_plain_ram()?.as_slice::<i64>()?.iter().all(|step| *step == 1))
}

/// Whether the kernel lies within the padded image, where its lengths are known.
fn kernel_fits(pool: &PoolSpec, shape: &ShapeFact) -> bool {
    let Ok(shape) = pool.data_format.shape(shape.to_tvec()) else { return true };
    shape.hw_dims().iter().zip(&pool.kernel_shape).enumerate().all(|(axis, (length, kernel))| {
        let pads = match &pool.padding {
            PaddingSpec::Valid => 0,
            PaddingSpec::Explicit(before, after) | PaddingSpec::ExplicitOnnxPool(before, after, _) => {
                let at = |pads: &TVec<usize>| pads.get(axis).copied().unwrap_or_default();
                at(before).saturating_add(at(after))
            }
            _ => return true,
        };
        let dilation = pool.dilations.as_ref().and_then(|all| all.get(axis)).copied().unwrap_or(1);
        let reach = kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
        length.to_usize().map_or(true, |length| length.saturating_add(pads) >= reach)
    })
}
