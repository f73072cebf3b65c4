//! Works through a chain of arithmetic on floats block by block, so that what is between stays in the cache.
//!
//! An activation such as GELU is exported as eight operators or so. tract runs them one after another
//! over the whole tensor, each at the speed of memory. Here each block goes through all of them.
//! Results are the same to the bit, but for what is not a number in a maximum or minimum.

mod program;

use std::collections::BTreeSet;

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_hir::tract_core::ops::math::{Exp, Neg, Recip, Rsqrt, Sqrt, Square, Tanh};
use tract_onnx::tract_hir::tract_core::ops::nn::Sigmoid;

use crate::cells::steps;
use program::{Program, Source, Step};

/// Replaces all chains of an optimized model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut chains = Vec::new();
    // From the outputs on, so that each chain is found at its end, whole.
    for id in model.eval_order()?.into_iter().rev() {
        if taken.contains(&id) || !chainable(model, id)? {
            continue;
        }
        let chain = chain(model, id)?;
        taken.extend(&chain);
        if chain.len() > 1 {
            chains.push((id, chain));
        }
    }
    for (end, chain) in chains {
        let (program, inputs) = written(model, end, &chain)?;
        // Only the end keeps its place: what was before it is used by nothing now.
        let patch = TypedModelPatch::replace_single_op(model, model.node(end), &inputs, program)?;
        patch.apply(model)?;
    }
    model.compact()
}

/// Whether the node computes floats from floats of its own shape and from single ones.
fn chainable(model: &TypedModel, id: usize) -> TractResult<bool> {
    let node = model.node(id);
    let known = match node.op_as::<ElementWiseOp>() {
        Some(op) => op.1.is_none() && one_by_one(op),
        None => steps(node.op.as_ref()).is_some_and(|steps| steps.len() + 1 == node.inputs.len()),
    };
    let [output] = node.outputs.as_slice() else { return Ok(false) };
    if !known || output.fact.datum_type != DatumType::F32 || node.inputs.is_empty() {
        return Ok(false);
    }
    let fits = |fact: &&TypedFact| {
        let alike = fact.shape == output.fact.shape || fact.shape.volume().is_one();
        fact.datum_type == DatumType::F32 && alike && fact.is_plain()
    };
    Ok(model.node_input_facts(id)?.iter().all(fits))
}

/// Operators that tract computes in place.
fn one_by_one(op: &ElementWiseOp) -> bool {
    let op = &op.0;
    op.is::<Tanh>()
        || op.is::<Sigmoid>()
        || op.is::<Exp>()
        || op.is::<Neg>()
        || op.is::<Recip>()
        || op.is::<Rsqrt>()
        || op.is::<Sqrt>()
        || op.is::<Square>()
}

/// The nodes that only this one uses, directly or through each other, in order.
fn chain(model: &TypedModel, end: usize) -> TractResult<BTreeSet<usize>> {
    let mut chain = BTreeSet::from([end]);
    let shape = &model.outlet_fact(end.into())?.shape;
    let outputs = model.output_outlets()?;
    loop {
        let mut found = None;
        for before in chain.iter().flat_map(|id| &model.node(*id).inputs).map(|input| input.node) {
            let node = model.node(before);
            let mut users = node.outputs.iter().flat_map(|output| &output.successors);
            let ours = !chain.contains(&before)
                && chainable(model, before)?
                && model.outlet_fact(before.into())?.shape == *shape
                && users.all(|user| chain.contains(&user.node))
                && !outputs.contains(&before.into());
            if ours {
                found = Some(before);
                break;
            }
        }
        match found {
            Some(before) => chain.insert(before),
            None => return Ok(chain),
        };
    }
}

/// The chain as a program, and what it takes from outside.
fn written(
    model: &TypedModel,
    end: usize,
    chain: &BTreeSet<usize>,
) -> TractResult<(Program, TVec<OutletId>)> {
    let mut inputs: TVec<OutletId> = tvec!();
    let mut results: HashMap<usize, usize> = HashMap::new();
    let mut program = Vec::new();
    for id in ordered(model, end, chain) {
        let node = model.node(id);
        let mut sources = node.inputs.iter().map(|input| match results.get(&input.node) {
            Some(step) => Source::Step(*step),
            None => Source::Input(inputs.iter().position(|known| known == input).unwrap_or_else(|| {
                inputs.push(*input);
                inputs.len() - 1
            })),
        });
        let mut left = sources.next().context("no input")?;
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            program.push(Step::One(op.0.clone(), left));
        }
        for (operation, right) in steps(node.op.as_ref()).unwrap_or_default().into_iter().zip(sources) {
            program.push(Step::Two(operation, left, right));
            left = Source::Step(program.len() - 1);
        }
        results.insert(id, program.len() - 1);
    }
    Ok((Program::new(program), inputs))
}

/// The chain's nodes, each after those it uses.
fn ordered(model: &TypedModel, end: usize, chain: &BTreeSet<usize>) -> Vec<usize> {
    let (mut order, mut stack) = (Vec::new(), vec![(end, false)]);
    while let Some((id, ready)) = stack.pop() {
        if order.contains(&id) {
            continue;
        }
        if ready {
            order.push(id);
            continue;
        }
        stack.push((id, true));
        let inputs = model.node(id).inputs.iter().map(|input| input.node);
        stack.extend(inputs.filter(|input| chain.contains(input)).map(|input| (input, false)));
    }
    order
}
