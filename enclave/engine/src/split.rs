//! Runs a batch in parts, where parts are faster than the whole.
//!
//! tract chooses how to multiply matrices while it compiles. Rows it does not know the number of are
//! multiplied by a kernel that suits few of them, so small models of rows are compiled for some
//! numbers of rows as well, and a batch is made up of these. And long texts of a batch go one by one: the
//! activations of one stay in the cache, and those of eight do not.

use std::sync::Arc;

use strongroom_seal::model::{Dim, Interface};
use tract_onnx::prelude::{
    InferenceModel, IntoTValue as _, IntoTensor as _, TValue, TVec, Tensor, TractResult,
};
use tract_onnx::tract_hir::tract_core::model::TypedModel;
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;

use crate::alone;
use crate::ceiling;
use crate::compile::{self, Plan, SymbolValues};
use crate::faster::{Rows, has_layers};
use crate::limits::{FEW_ROWS, LONG_TEXT_TOKENS, MAX_ROWS_PLAN_BYTES, PART_ROWS};
use crate::trial;

/// Some rows of a batch, and the plan that takes as many.
pub(crate) struct Part {
    pub(crate) plan: Arc<Plan>,
    pub(crate) rows: usize,
}

/// What a batch of a model may be made up of.
pub(crate) struct Split {
    /// Counts the rows.
    symbol: String,
    /// Plans for so many rows, the largest first; none where rows are texts.
    plans: Vec<(u64, Arc<Plan>)>,
    /// The plan for [`FEW_ROWS`] at most, where it is another.
    few: Option<Arc<Plan>>,
}

impl Split {
    /// Finds out whether batches may be split, and compiles what is needed for it.
    pub(crate) fn of(graph: &InferenceModel, interface: &Interface) -> Option<Self> {
        let (symbol, typed) = alone::independent_rows(graph, interface)?;
        if !typed.nodes().iter().any(|node| node.op_is::<EinSum>()) {
            return None;
        }
        if interface.symbols.len() > 1 {
            return Some(Self { symbol, plans: Vec::new(), few: None });
        }
        if weights(&typed) > MAX_ROWS_PLAN_BYTES {
            return None;
        }
        let range = interface.symbols.get(&symbol)?;
        let wanted = PART_ROWS.into_iter().filter(|rows| *rows <= range.max);
        let plans =
            wanted.map(|rows| Some((rows, plan(graph, interface, &symbol, rows)?))).collect::<Option<_>>()?;
        Some(Self { symbol, plans, few: few(graph, interface) })
    }

    /// The parts of a batch; `whole` takes what is left.
    pub(crate) fn parts(&self, values: &SymbolValues, whole: &Arc<Plan>) -> Option<Vec<Part>> {
        let part = |plan: &Arc<Plan>, rows: u64| {
            Some(Part { plan: Arc::clone(plan), rows: usize::try_from(rows).ok()? })
        };
        let mut left = *values.get(&self.symbol)?;
        let mut parts = Vec::new();
        for (rows, plan) in &self.plans {
            while left >= *rows {
                parts.push(part(plan, *rows)?);
                left -= rows;
            }
        }
        let tokens = values.iter().filter(|(symbol, _)| **symbol != self.symbol).map(|(_, value)| *value);
        let long = self.plans.is_empty() && tokens.max().is_some_and(|tokens| tokens >= LONG_TEXT_TOKENS);
        while long && left > 1 {
            parts.push(part(whole, 1)?);
            left -= 1;
        }
        if left > 0 || parts.is_empty() {
            let few = self.few.as_ref().filter(|_| left <= FEW_ROWS);
            parts.push(part(few.unwrap_or(whole), left)?);
        }
        Some(parts)
    }
}

fn plan(graph: &InferenceModel, interface: &Interface, symbol: &str, rows: u64) -> Option<Arc<Plan>> {
    let fixed = interface_of(interface, symbol, rows);
    let plan =
        compile::wire(graph.clone(), &fixed, None).and_then(|wired| compile::plan(wired, &fixed)).ok()?;
    (compile::check_outputs(&plan, &fixed).is_ok() && trial::runs(&plan, &fixed)).then_some(plan)
}

/// The plan for few rows, if it is faster for them.
fn few(graph: &InferenceModel, interface: &Interface) -> Option<Arc<Plan>> {
    let wired = compile::wire(graph.clone(), interface, None).ok()?;
    let plan = compile::plan_for(wired, interface, Rows::Few).ok()?;
    let sound = compile::check_outputs(&plan, interface).is_ok() && trial::runs(&plan, interface);
    (sound && has_layers(plan.model())).then_some(plan)
}

/// The interface of so many rows.
pub(crate) fn interface_of(interface: &Interface, symbol: &str, rows: u64) -> Interface {
    let mut fixed = interface.clone();
    fixed.symbols.remove(symbol);
    for spec in fixed.inputs.iter_mut().chain(&mut fixed.outputs) {
        if let Some(first) = spec.shape.first_mut() {
            *first = Dim::Fixed(rows);
        }
    }
    fixed
}

/// Bytes that each further plan takes, about: those of all constants.
fn weights(model: &TypedModel) -> usize {
    let constants =
        model.nodes().iter().flat_map(|node| &node.outputs).filter_map(|output| output.fact.konst.as_ref());
    constants.map(|constant| constant.len().saturating_mul(constant.datum_type().size_of())).sum()
}

/// Runs the parts, and joins their answers.
pub(crate) fn run(parts: &[Part], inputs: TVec<Tensor>) -> TractResult<TVec<TValue>> {
    if let [whole] = parts {
        return ceiling::run(&whole.plan, inputs.into_iter().map(|input| input.into_tvalue()).collect());
    }
    let mut answers: Vec<Vec<Tensor>> = Vec::new();
    let mut start = 0;
    for Part { plan, rows } in parts {
        let rows = start..start + rows;
        let of_part = inputs.iter().map(|input| Ok(input.slice(0, rows.start, rows.end)?.into_tvalue()));
        let values = ceiling::run(plan, of_part.collect::<TractResult<_>>()?)?;
        answers.resize_with(values.len(), Vec::new);
        answers.iter_mut().zip(values).for_each(|(answer, value)| answer.push(value.into_tensor()));
        start = rows.end;
    }
    answers.iter().map(|answer| Ok(Tensor::stack_tensors(0, answer)?.into_tvalue())).collect()
}
