//! The tensors that a run holds at once, and what it multiplies, from the shapes of a plan.
//!
//! Both are asked for while a plan is made. Where the largest inputs that an interface admits would
//! take too much and the smallest do not, each run is asked with the shapes it has.

use tract_onnx::prelude::TypedSimplePlan;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;

use super::Excess;
use crate::limits::{MAX_LIVE_BYTES, MAX_MULTIPLICATIONS};

/// Marks a model some of whose runs would take too much.
const ASK: &str = "strongroom.ask";

/// Refuses a model that takes too much at the smallest values of its symbols, and marks one that does at the largest.
pub(crate) fn bound(
    model: &mut TypedModel,
    smallest: &SymbolValues,
    largest: &SymbolValues,
) -> TractResult<()> {
    check(model, smallest)?;
    if check(model, largest).is_err() {
        model.properties.insert(ASK.to_owned(), rctensor0(true));
    }
    Ok(())
}

/// Runs a plan, unless these inputs take too much.
pub(crate) fn run(plan: &Arc<TypedSimplePlan>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let model = plan.model();
    if model.properties.contains_key(ASK) {
        let mut values = SymbolValues::default();
        for (position, input) in inputs.iter().enumerate() {
            for (dim, length) in model.input_fact(position)?.shape.iter().zip(input.shape()) {
                if let TDim::Sym(symbol) = dim {
                    values.set(symbol, i64::try_from(*length)?);
                }
            }
        }
        check(model, &values)?;
    }
    plan.run(inputs)
}

fn check(model: &TypedModel, values: &SymbolValues) -> TractResult<()> {
    let order = model.eval_order()?;
    let mut last_use: HashMap<usize, usize> = HashMap::new();
    for (step, id) in order.iter().enumerate() {
        let used = model.node(*id).inputs.iter().map(|input| input.node);
        last_use.extend(used.chain([*id]).map(|used| (used, step)));
    }
    let mut freed: HashMap<usize, u64> = HashMap::new();
    let (mut live, mut multiplications) = (0_u64, 0_u64);
    for (step, id) in order.iter().enumerate() {
        let node = model.node(*id);
        if !node.op_is::<Const>() {
            let made = node.outputs.iter().map(|output| bytes(&output.fact, values));
            let made = made.fold(0, u64::saturating_add);
            live = live.saturating_add(made);
            let kept = model.outputs.iter().any(|output| output.node == *id);
            let until = if kept { order.len() } else { last_use.get(id).copied().unwrap_or(step) };
            let entry = freed.entry(until).or_default();
            *entry = entry.saturating_add(made);
        }
        multiplications = multiplications.saturating_add(cost(model, node, values)?);
        if live > MAX_LIVE_BYTES || multiplications > MAX_MULTIPLICATIONS {
            return Err(Excess::Whole.into());
        }
        live = live.saturating_sub(freed.remove(&step).unwrap_or_default());
    }
    Ok(())
}

/// Bytes of a tensor; lengths that nobody knows yet count as one.
fn bytes(fact: &TypedFact, values: &SymbolValues) -> u64 {
    let lengths = fact.shape.iter().map(|dim| count(dim, values));
    lengths.fold(fact.datum_type.size_of() as u64, u64::saturating_mul)
}

fn count(dim: &TDim, values: &SymbolValues) -> u64 {
    dim.eval(values).to_i64().map_or(1, |length| u64::try_from(length).unwrap_or_default())
}

fn cost(model: &TypedModel, node: &TypedNode, values: &SymbolValues) -> TractResult<u64> {
    let costs = node.op.cost(&model.node_input_facts(node.id)?)?;
    let computed = costs.iter().filter(|(kind, _)| kind.is_compute());
    Ok(computed.map(|(_, times)| count(times, values)).fold(0, u64::saturating_add))
}
