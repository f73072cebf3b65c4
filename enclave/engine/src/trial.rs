//! Runs a symbolic plan once on zeros, to see that its symbols mean what tract took them to mean.

use std::sync::Arc;

use strongroom_seal::model::{Dim, Interface, TensorSpec};
use tract_onnx::prelude::{IntoTValue as _, TValue, TVec, Tensor};

use crate::compile::{Plan, SymbolValues};
use crate::convert::datum_type;
use crate::guard::guarded;
use crate::limits::TRIAL_VALUE;

/// Whether the plan answers an input of zeros.
pub(crate) fn runs(plan: &Arc<Plan>, interface: &Interface) -> bool {
    let values = values(interface);
    let inputs: Option<TVec<TValue>> = interface.inputs.iter().map(|input| zeros(input, &values)).collect();
    inputs.is_some_and(|inputs| matches!(guarded(|| plan.run(inputs)), Ok(Ok(_))))
}

/// Small values, a different one for each symbol where the ranges allow: equal ones would hide a mix-up.
fn values(interface: &Interface) -> SymbolValues {
    let symbols = interface.symbols.iter().zip(TRIAL_VALUE..);
    symbols.map(|((symbol, range), value)| (symbol.clone(), value.clamp(range.min, range.max))).collect()
}

fn zeros(input: &TensorSpec, values: &SymbolValues) -> Option<TValue> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(fixed) => usize::try_from(*fixed).ok(),
        Dim::Symbol(symbol) => usize::try_from(*values.get(symbol)?).ok(),
    };
    let shape = input.shape.iter().map(dim).collect::<Option<Vec<_>>>()?;
    let zeros = Tensor::zero_dt(datum_type(input.dtype)?, &shape).ok()?;
    Some(zeros.into_tvalue())
}
