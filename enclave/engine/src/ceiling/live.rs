//! The tensors that a run holds at once, and what it multiplies, from the shapes of a plan.
//!
//! Both are asked for while a plan is made. Where the largest inputs that an interface admits would
//! take too much and the smallest do not, each run is asked with the shapes it has.

use tract_onnx::prelude::TypedSimplePlan;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::tract_core::ops::scan::{OptScan, Scan};
use tract_onnx::tract_hir::tract_core::ops::source::TypedSource;

use super::Excess;
use crate::limits::{MAX_LIVE_BYTES, MAX_MULTIPLICATIONS};

/// Marks a model some of whose runs would take too much.
const ASK: &str = "strongroom.ask";

/// tract's name of the operator that gives a convolution its windows while they are multiplied.
const LAZY: &str = "LazyIm2col";

/// Refuses a model that takes too much at the smallest values of its symbols, and marks one that does at the largest.
pub(crate) fn bound(
    model: &mut TypedModel,
    smallest: &SymbolValues,
    largest: &SymbolValues,
) -> TractResult<()> {
    // The order in which a plan of it will run.
    let order = model.eval_order_opt_ram()?;
    check(model, &order, smallest)?;
    if check(model, &order, largest).is_err() {
        model.properties.insert(ASK.to_owned(), rctensor0(true));
    }
    Ok(())
}

/// Runs a plan, unless these inputs take too much.
pub(crate) fn run(plan: &Arc<TypedSimplePlan>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let model = plan.model();
    if model.properties.contains_key(ASK) {
        let shapes = inputs.iter().map(|input| input.shape().iter().map(|length| *length as u64));
        check(model, plan.order_without_consts(), &values(model, shapes)?)?;
    }
    plan.run(inputs)
}

/// Bytes that a run with inputs of these shapes holds at its highest, where it holds no more than it may.
pub(crate) fn held<D: Iterator<Item = u64>>(
    plan: &TypedSimplePlan,
    shapes: impl Iterator<Item = D>,
) -> TractResult<u64> {
    let model = plan.model();
    let highest = highest(model, plan.order_without_consts(), &values(model, shapes)?)?;
    if highest > MAX_LIVE_BYTES { Err(Excess::Whole.into()) } else { Ok(highest) }
}

/// Bytes of the outputs of a run with inputs of these shapes.
pub(crate) fn answered<D: Iterator<Item = u64>>(
    plan: &TypedSimplePlan,
    shapes: impl Iterator<Item = D>,
) -> TractResult<u64> {
    let model = plan.model();
    let values = values(model, shapes)?;
    let facts = model.outputs.iter().map(|output| model.outlet_fact(*output));
    facts
        .map(|fact| Ok(bytes(fact?, &values, true)))
        .try_fold(0, |all: u64, one: TractResult<u64>| Ok(all.saturating_add(one?)))
}

/// What the symbols of a model stand for where its inputs have these shapes.
fn values<D: Iterator<Item = u64>>(
    model: &TypedModel,
    shapes: impl Iterator<Item = D>,
) -> TractResult<SymbolValues> {
    let mut values = SymbolValues::default();
    for (position, shape) in shapes.enumerate() {
        for (dim, length) in model.input_fact(position)?.shape.iter().zip(shape) {
            if let TDim::Sym(symbol) = dim {
                values.set(symbol, i64::try_from(length)?);
            }
        }
    }
    Ok(values)
}

fn check(model: &TypedModel, order: &[usize], values: &SymbolValues) -> TractResult<()> {
    let mut multiplications = 0_u64;
    for id in order {
        multiplications = multiplications.saturating_add(cost(model, model.node(*id), values)?);
    }
    if highest(model, order, values)? > MAX_LIVE_BYTES || multiplications > MAX_MULTIPLICATIONS {
        return Err(Excess::Whole.into());
    }
    Ok(())
}

/// Bytes of the tensors that are held at once, at their highest, where nodes run in this order.
fn highest(model: &TypedModel, order: &[usize], values: &SymbolValues) -> TractResult<u64> {
    let mut last_use: HashMap<usize, usize> = HashMap::new();
    for (step, id) in order.iter().enumerate() {
        let used = model.node(*id).inputs.iter().map(|input| input.node);
        last_use.extend(used.chain([*id]).map(|used| (used, step)));
    }
    let made = |node: &TypedNode| {
        // What is said to be packed lazily never lies in memory as a whole.
        let packs = node.op.name() != LAZY;
        let made = node.outputs.iter().map(|output| bytes(&output.fact, values, packs));
        made.fold(0, u64::saturating_add)
    };
    // Inputs are there from the start.
    let inputs = model.nodes().iter().filter(|node| node.op_is::<TypedSource>());
    let mut live = inputs.map(made).fold(0, u64::saturating_add);
    let mut highest = live;
    let mut freed: HashMap<usize, u64> = HashMap::new();
    for (step, id) in order.iter().enumerate() {
        let node = model.node(*id);
        if !node.op_is::<Const>() {
            let made = made(node);
            live = if node.op_is::<TypedSource>() { live } else { live.saturating_add(made) };
            let kept = model.outputs.iter().any(|output| output.node == *id);
            let until = if kept { order.len() } else { last_use.get(id).copied().unwrap_or(step) };
            let entry = freed.entry(until).or_default();
            *entry = entry.saturating_add(made);
        }
        highest = highest.max(live.saturating_add(inside(node, values)?));
        live = live.saturating_sub(freed.remove(&step).unwrap_or_default());
    }
    Ok(highest)
}

/// Bytes that the models inside an operator hold at their highest, one after the other.
fn inside(node: &TypedNode, values: &SymbolValues) -> TractResult<u64> {
    let body = |model: &TypedModel| highest(model, &model.eval_order_opt_ram()?, values);
    if let Some(either) = node.op_as::<IfThenElse>() {
        return Ok(body(&either.then_body)?.max(body(&either.else_body)?));
    }
    if let Some(scan) = node.op_as::<Scan>() {
        return body(&scan.body);
    }
    match node.op_as::<OptScan>() {
        Some(scan) => highest(scan.plan.model(), scan.plan.order_without_consts(), values),
        None => Ok(0),
    }
}

/// Bytes of a tensor, and of what tract packs into it, a matrix for each of its cells; lengths that nobody knows before the run
/// count as one.
fn bytes(fact: &TypedFact, values: &SymbolValues, packs: bool) -> u64 {
    let cells = fact.shape.iter().map(|dim| count(dim, values)).fold(1, u64::saturating_mul);
    let packed = fact.exotic_fact.iter().filter(|_| packs).flat_map(|packed| packed.buffer_sizes());
    let each = packed.map(|size| count(&size, values)).fold(0, u64::saturating_add);
    cells.saturating_mul(each.saturating_add(fact.datum_type.size_of() as u64))
}

fn count(dim: &TDim, values: &SymbolValues) -> u64 {
    dim.eval(values).to_i64().map_or(1, |length| u64::try_from(length).unwrap_or_default())
}

fn cost(model: &TypedModel, node: &TypedNode, values: &SymbolValues) -> TractResult<u64> {
    let costs = node.op.cost(&model.node_input_facts(node.id)?)?;
    let computed = costs.iter().filter(|(kind, _)| kind.is_compute());
    Ok(computed.map(|(_, times)| count(times, values)).fold(0, u64::saturating_add))
}
