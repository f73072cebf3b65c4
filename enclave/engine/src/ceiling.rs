//! Keeps a model from asking for more memory than there is: what allocates is asked for its size first.
//!
//! Rust ends the process when an allocation fails, so a size has to be refused before. Where sizes
//! follow from a file alone, they are refused while it is loaded ([`infer`], [`check`]); where they
//! follow from an input, an operator is put in the place of tract's that asks before each run
//! ([`run`]). What is bounded is one tensor, all that is computed of constants while loading, and what
//! one run holds at once and multiplies ([`live`]).

mod infer;
mod live;
mod run;
mod values;

use std::collections::HashSet;

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::tract_core::ops::scan::Scan;

use crate::limits::{MAX_COUNTED_BYTES, MAX_VALUE_BYTES};
pub(crate) use infer::watch;
pub(crate) use live::{answered, bound, held, run};
pub(crate) use run::{gate_definers, gate_large};

/// Bytes of a cell of the widest type.
const MOST_WIDENED: usize = size_of::<f64>();

/// Why an operator is not run. Travels inside tract's errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    /// It would make a tensor that is too large.
    #[error("{0} would make a tensor of more than {MAX_VALUE_BYTES} bytes")]
    Size(String),
    /// It is given a length, step or number that it cannot take.
    #[error("{0} is given a length, a step or a number that it cannot take")]
    Value(String),
    /// One run of the model would hold or multiply too much.
    #[error("one run would hold or multiply too much")]
    Whole,
    /// tract panicked at it.
    #[error("the engine fails at {0}")]
    Broke(String),
}

impl Excess {
    /// The excess that an error of tract goes back to, if any.
    pub(crate) fn of(error: &TractError) -> Option<&Self> {
        error.root_cause().downcast_ref()
    }
}

/// Bytes of a tensor of these dimensions, where those that are not known count as one. `None` for
/// more than `most`.
fn bytes<'a>(
    dtype: DatumType,
    dims: impl IntoIterator<Item = &'a TDim>,
    most: u64,
) -> Option<Result<u64, Negative>> {
    let mut product = dtype.size_of() as u64;
    let mut empty = false;
    for dim in dims {
        match dim.to_i64() {
            Ok(length) if length < 0 => return Some(Err(Negative)),
            Ok(0) => empty = true,
            // An axis of no length must not hide another that is too long.
            Ok(length) => {
                product = product.checked_mul(length.unsigned_abs()).filter(|all| *all <= most)?;
            }
            Err(_) => {}
        }
    }
    Some(Ok(if empty { 0 } else { product }))
}

/// An axis is shorter than nothing.
struct Negative;

/// Bytes of a tensor that an operator makes, or why it must not.
fn size<'a>(
    operator: &str,
    dtype: DatumType,
    dims: impl IntoIterator<Item = &'a TDim>,
    most: u64,
) -> Result<u64, Excess> {
    match bytes(dtype, dims, most) {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(Negative)) => Err(Excess::Value(operator.to_owned())),
        None => Err(Excess::Size(operator.to_owned())),
    }
}

/// Checks every size that is known in a model with types, and in the models inside it: of what is
/// constant, that it may be computed, and of the rest, that it can be counted.
pub(crate) fn check(model: &TypedModel) -> TractResult<()> {
    let mut constants: HashSet<usize> = HashSet::new();
    for id in model.eval_order()? {
        let node = model.node(id);
        let known = |input: &OutletId| constants.contains(&input.node);
        let constant = node.op_is::<Const>() || (!node.inputs.is_empty() && node.inputs.iter().all(known));
        if constant {
            constants.insert(id);
        }
        let computed = constant && !node.op_is::<Const>();
        let most = if computed { of_constants(model, node)? } else { MAX_COUNTED_BYTES };
        for output in &node.outputs {
            size(&node.op.name(), output.fact.datum_type, output.fact.shape.iter(), most)?;
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

/// Bytes that may be computed of constants: weights that the file holds may become wider.
fn of_constants(model: &TypedModel, node: &TypedNode) -> TractResult<u64> {
    let facts = model.node_input_facts(node.id)?;
    let held = facts.iter().filter_map(|fact| fact.konst.as_ref());
    let held = held.map(|constant| constant.len().saturating_mul(MOST_WIDENED) as u64);
    Ok(held.fold(MAX_VALUE_BYTES, u64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_neither_wrap_nor_hide() {
        let size = |dims: &[i64]| {
            let dims: Vec<TDim> = dims.iter().map(|dim| TDim::from(*dim)).collect();
            size("it", DatumType::F32, &dims, MAX_VALUE_BYTES)
        };
        assert_eq!(size(&[]), Ok(4));
        assert_eq!(size(&[3, 5]), Ok(60));
        assert_eq!(size(&[0, 5]), Ok(0));
        assert_eq!(size(&[1 << 32, 1 << 32]), Err(Excess::Size("it".into())));
        assert_eq!(size(&[1 << 62, 4, 0]), Err(Excess::Size("it".into())));
        assert_eq!(size(&[-1, 4]), Err(Excess::Value("it".into())));
    }
}
