//! Sizes that follow from an input, asked for before each run of an operator.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::Gather;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::tract_core::ops::nn::resize::Resize;
use tract_onnx::tract_hir::tract_core::ops::scan::Scan;
use tract_onnx::tract_hir::tract_core::ops::source::TypedSource;

use super::{Excess, size, values};
use crate::limits::{MAX_COUNTED_BYTES, MAX_VALUE_BYTES};

/// Cells of an input up to which it may be a length, a step or a number.
const MAX_VALUE_CELLS: usize = 64;

/// Gates what makes tensors of a length that its inputs say, here and in the models inside.
pub(crate) fn gate_definers(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let node = model.node_mut(id);
        if let Some(scan) = node.op.downcast_mut::<Scan>() {
            gate_definers(&mut scan.body)?;
        } else if let Some(either) = node.op.downcast_mut::<IfThenElse>() {
            gate_definers(&mut either.then_body)?;
            gate_definers(&mut either.else_body)?;
        } else if node.op_is::<Resize>() || (node.op.mints_runtime_symbols() && !node.op_is::<TypedSource>())
        {
            gate(model, id)?;
        }
    }
    Ok(())
}

/// Gates what may make a tensor that is too large, and what looks rows up in a table, in an optimized model whose symbols are at most these.
pub(crate) fn gate_large(model: &mut TypedModel, largest: &SymbolValues) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        if node.op_is::<Const>() {
            continue;
        }
        let fits = |fact: &TypedFact| {
            let dims: TVec<TDim> = fact.shape.iter().map(|dim| dim.eval(largest)).collect();
            dims.iter().all(|dim| dim.to_i64().is_ok())
                && size("", fact.datum_type, &dims, MAX_VALUE_BYTES).is_ok()
        };
        if let Some(gather) = node.op_as::<Gather>() {
            let gather = InTable { axis: gather.axis, inner: node.op.clone() };
            model.node_mut(id).op = Box::new(gather);
        } else if !node.outputs.iter().all(|output| fits(&output.fact)) {
            // What no input makes smaller is refused now.
            for fact in node.outputs.iter().map(|output| &output.fact) {
                size(&node.op.name(), fact.datum_type, fact.shape.iter(), MAX_VALUE_BYTES)?;
            }
            gate(model, id)?;
        }
    }
    Ok(())
}

fn gate(model: &mut TypedModel, id: usize) -> TractResult<()> {
    let node = model.node(id);
    let stateful = node.op.state(&EvalContext::out_of_plan())?.is_some();
    if stateful || node.op_is::<Gate>() || node.op_is::<Const>() || node.op_is::<TypedSource>() {
        return Ok(());
    }
    let gate = Gate { inner: node.op.clone() };
    gate.output_facts(&model.node_input_facts(id)?)?;
    model.node_mut(id).op = Box::new(gate);
    Ok(())
}

/// An operator that is asked what it would make before it does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gate {
    inner: Box<dyn TypedOp>,
}

impl Gate {
    /// What it would make of facts whose values, where they are lengths, are known.
    fn sizes(
        &self,
        inputs: &[&TypedFact],
        symbols: &SymbolValues,
        most: u64,
    ) -> TractResult<TVec<TypedFact>> {
        let operator = self.inner.name();
        let given: TVec<Option<&Tensor>> = inputs.iter().map(|input| input.konst.as_deref()).collect();
        values::check(&operator, &given)?;
        let facts = self.inner.output_facts(inputs)?;
        for fact in &facts {
            let dims: TVec<TDim> = fact.shape.iter().map(|dim| dim.eval(symbols)).collect();
            size(&operator, fact.datum_type, &dims, most)?;
        }
        match (&*operator, inputs) {
            ("NonZero", [input, ..]) => {
                // Every cell may be one, and has a place on each axis.
                let dims = input.shape.iter().cloned().chain([input.rank().max(1).to_dim()]);
                size(&operator, DatumType::I64, &dims.collect::<TVec<_>>(), most)?;
            }
            ("Topk", [input, _]) => self.no_more_than_there_are(input, &facts)?,
            _ => {}
        }
        Ok(facts)
    }

    /// tract fills up what it has no cells for.
    fn no_more_than_there_are(&self, input: &TypedFact, facts: &[TypedFact]) -> TractResult<()> {
        let wanted = facts.first().map(|fact| fact.shape.iter()).into_iter().flatten();
        let more = |(there, wanted): (&TDim, &TDim)| match (there.to_i64(), wanted.to_i64()) {
            (Ok(there), Ok(wanted)) => wanted > there,
            _ => false,
        };
        if input.shape.iter().zip(wanted).any(more) {
            return Err(Excess::Value(self.inner.name().into_owned()).into());
        }
        Ok(())
    }
}

impl Op for Gate {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    fn mints_runtime_symbols(&self) -> bool {
        self.inner.mints_runtime_symbols()
    }

    fn required_bound_symbols(&self, inputs: &[&TypedFact]) -> TVec<Symbol> {
        self.inner.required_bound_symbols(inputs)
    }

    op_as_typed_op!();
}

/// The fact of a tensor, with its value where it may be a length.
fn fact(value: &TValue) -> TractResult<TypedFact> {
    if value.len() <= MAX_VALUE_CELLS && value.is_plain_ram() {
        return TypedFact::try_from(value.clone().into_arc_tensor());
    }
    Ok(value.datum_type().fact(value.shape()))
}

impl EvalOp for Gate {
    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let facts = inputs.iter().map(fact).collect::<TractResult<TVec<_>>>()?;
        self.sizes(&facts.iter().collect::<TVec<_>>(), ctx.symbols, MAX_VALUE_BYTES)?;
        self.inner.eval(ctx, inputs)
    }

    fn forwards_input(&self) -> Option<usize> {
        self.inner.forwards_input()
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        let facts = inputs.iter().map(fact).collect::<TractResult<TVec<_>>>()?;
        self.sizes(&facts.iter().collect::<TVec<_>>(), &SymbolValues::default(), MAX_VALUE_BYTES)?;
        self.inner.eval_out_of_plan(inputs)
    }

    fn drop_session(&self, session: SessionId, node_id: usize) {
        self.inner.drop_session(session, node_id);
    }
}

impl TypedOp for Gate {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.sizes(inputs, &SymbolValues::default(), MAX_COUNTED_BYTES)
    }

    fn axes_mapping(&self, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
        self.inner.axes_mapping(inputs, outputs)
    }

    fn declutter(&self, model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
        self.output_facts(&model.node_input_facts(node.id)?)?;
        self.inner.declutter(model, node)
    }

    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        self.inner.cost(inputs)
    }

    fn set_symbols(
        &self,
        source: &TypedModel,
        node: &TypedNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
        subs: &HashMap<Symbol, TDim>,
    ) -> TractResult<TVec<OutletId>> {
        self.inner.set_symbols(source, node, target, mapping, subs)
    }

    fn codegen(&self, model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
        self.inner.codegen(model, node)
    }

    as_op!();
}

/// Rows of a table by numbers that are looked at first: tract panics at one outside the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InTable {
    axis: usize,
    inner: Box<dyn TypedOp>,
}

impl InTable {
    fn check(&self, inputs: &[TValue]) -> TractResult<()> {
        let [table, ids] = inputs else { return Ok(()) };
        let rows = table.shape().get(self.axis).copied().context("no such axis")?;
        let rows = i64::try_from(rows)?;
        let ids = ids.cast_to::<i64>()?;
        let inside = ids.try_as_plain_ram()?.as_slice::<i64>()?.iter().all(|id| (-rows..rows).contains(id));
        if inside { Ok(()) } else { Err(Excess::Value(self.inner.name().into_owned()).into()) }
    }
}

impl Op for InTable {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    op_as_typed_op!();
}

impl EvalOp for InTable {
    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.check(&inputs)?;
        self.inner.eval(ctx, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.check(&inputs)?;
        self.inner.eval_out_of_plan(inputs)
    }
}

impl TypedOp for InTable {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner.output_facts(inputs)
    }

    as_op!();
}
