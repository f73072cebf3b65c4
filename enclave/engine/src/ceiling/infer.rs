//! Sizes that follow from a file alone, asked for before tract computes what is constant.
//!
//! tract evaluates operators of constants as soon as it looks at a graph, whatever that makes. So every
//! operator is watched: the values that it is given, the size of what it makes, and the sum of all
//! that is made of constants.

use std::sync::atomic::{AtomicU64, Ordering};

use tract_onnx::ops::logic::If;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::scan::InferenceScan;
use tract_onnx::tract_hir::tract_core::optim::CONST_FOLD_MEM_BUDGET;

use super::{Excess, size, values};
use crate::guard::guarded;
use crate::limits::{MAX_COUNTED_BYTES, MAX_FOLDED_BYTES, MAX_VALUE_BYTES};

/// Puts a watch around every operator of a graph, and of the graphs inside it.
pub(crate) fn watch(model: &mut InferenceModel) {
    watch_with(model, &Arc::default());
}

fn watch_with(model: &mut InferenceModel, folded: &Arc<AtomicU64>) {
    for node in model.nodes_mut() {
        if let Some(either) = node.op.as_op_mut().downcast_mut::<If>() {
            watch_with(&mut either.then_body, folded);
            watch_with(&mut either.else_body, folded);
        }
        if let Some(scan) = node.op.as_op_mut().downcast_mut::<InferenceScan>() {
            watch_with(&mut scan.body, folded);
        }
        // What has no inputs is a source, a constant, or bounded by its own shape.
        if !node.inputs.is_empty() {
            let inner = node.op.clone();
            node.op = Box::new(Watched { inner, folded: Arc::clone(folded), own: Arc::default() });
        }
    }
}

/// An operator under watch.
#[derive(Clone, Debug)]
struct Watched {
    inner: Box<dyn InferenceOp>,
    /// Bytes that all operators of the model make of constants.
    folded: Arc<AtomicU64>,
    /// The part of this one, shared by its copies.
    own: Arc<AtomicU64>,
}

impl PartialEq for Watched {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Watched {}

impl Watched {
    /// Adds what is made of constants up.
    fn fold(&self, operator: &str, bytes: u64) -> Result<(), Excess> {
        let before = self.own.fetch_max(bytes, Ordering::Relaxed);
        let more = bytes.saturating_sub(before);
        let all = self.folded.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        if all > MAX_FOLDED_BYTES {
            // What is refused is not made: other shapes of the same graph have their room.
            self.folded.fetch_sub(more, Ordering::Relaxed);
            self.own.store(before, Ordering::Relaxed);
            return Err(Excess::Size(operator.to_owned()));
        }
        Ok(())
    }
}

/// Whether tract computes with a constant while it looks at a graph.
fn is_computed_with(constant: &Tensor) -> bool {
    let bytes = constant.len().saturating_mul(constant.datum_type().size_of());
    bytes as u64 <= CONST_FOLD_MEM_BUDGET
}

/// What tract makes of an operator, or that it panicked at this one.
fn whole<T>(operator: &str, work: impl FnOnce() -> TractResult<T>) -> TractResult<T> {
    guarded(work).unwrap_or_else(|_| Err(Excess::Broke(operator.to_owned()).into()))
}

impl Op for Watched {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    not_a_typed_op!();
}

impl EvalOp for Watched {
    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.inner.eval(ctx, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        whole(&self.inner.name(), || self.inner.eval_out_of_plan(inputs))
    }

    fn state(&self, ctx: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        self.inner.state(ctx)
    }
}

impl InferenceOp for Watched {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let operator = self.inner.name();
        let known: Vec<Option<Arc<Tensor>>> = inputs.iter().map(|input| input.value.concretize()).collect();
        let given: Vec<Option<&Tensor>> = known.iter().map(Option::as_deref).collect();
        values::check(&operator, &given)?;
        let computed = known.iter().all(|value| value.as_ref().is_some_and(|value| is_computed_with(value)));
        let inner = &mut self.inner;
        let found = whole(&operator, || inner.infer_facts(inputs, outputs, observed))?;
        let most = if computed { MAX_VALUE_BYTES } else { MAX_COUNTED_BYTES };
        let mut made = 0_u64;
        for output in &found.1 {
            let dtype = output.datum_type.concretize().unwrap_or(DatumType::U8);
            let dims: TVec<TDim> = output.shape.dims().filter_map(Factoid::concretize).collect();
            made = made.saturating_add(size(&operator, dtype, &dims, most)?);
        }
        if computed {
            self.fold(&operator, made)?;
        }
        Ok(found)
    }

    fn observe_outlets(&self, model: &InferenceModel, node: &InferenceNode) -> TractResult<Vec<OutletId>> {
        self.inner.observe_outlets(model, node)
    }

    fn incorporate(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Option<InferenceModelPatch>> {
        self.inner.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        whole(&self.inner.name(), || self.inner.to_typed(source, node, target, mapping))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::ops::array::AddDims;

    use super::*;

    #[test]
    fn what_is_refused_takes_no_room_of_other_shapes() {
        let watched = |folded: &Arc<AtomicU64>| Watched {
            inner: expand(AddDims::new(vec![0])),
            folded: Arc::clone(folded),
            own: Arc::default(),
        };
        let folded = Arc::default();
        let (one, other) = (watched(&folded), watched(&folded));
        assert!(one.fold("one", MAX_FOLDED_BYTES + 1).is_err());
        assert!(one.fold("one", MAX_FOLDED_BYTES / 2).is_ok(), "a smaller shape");
        assert!(other.fold("other", MAX_FOLDED_BYTES / 2).is_ok());
        assert!(other.fold("other", MAX_FOLDED_BYTES / 2).is_ok(), "the same once more");
        assert!(other.fold("other", MAX_FOLDED_BYTES).is_err(), "together with the first");
    }
}
