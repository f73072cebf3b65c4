//! Refuses what tract is known to compute wrongly, where only its own form of a graph tells.
//!
//! A slice with steps: tract leaves an axis whole, without a word, when a bound is not known while
//! it compiles. A softmax along an axis that is not there: it gives ones.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::StridedSlice;
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
