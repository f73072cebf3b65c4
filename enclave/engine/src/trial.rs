//! Runs a symbolic plan once on zeros, to see that its symbols mean what tract took them to mean.

use std::cell::Cell;
use std::sync::Arc;

use strongroom_seal::model::{Dim, Interface, TensorSpec};
use tract_onnx::prelude::tract_ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::{DatumType, IntoTValue as _, IntoTensor as _, TValue, TVec, Tensor};

use crate::compile::{Plan, SymbolValues};
use crate::convert::datum_type;
use crate::guard::guarded;
use crate::limits::TRIAL_VALUE;

/// Whether the plan answers an input of zeros.
pub(crate) fn runs(plan: &Arc<Plan>, interface: &Interface) -> bool {
    let values = values(interface);
    let inputs: Option<TVec<TValue>> = interface.inputs.iter().map(|input| zeros(input, &values)).collect();
    ON.set(true);
    let runs = inputs.is_some_and(|inputs| matches!(guarded(|| plan.run(inputs)), Ok(Ok(_))));
    ON.set(false);
    runs
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether what runs on this thread is a trial, whose zeros need not be values that the model knows.
pub(crate) fn is_on() -> bool {
    ON.get()
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
    let zeros = match datum_type(input.dtype)? {
        DatumType::String => ArrayD::<String>::default(IxDyn(&shape)).into_tensor(),
        numbers => Tensor::zero_dt(numbers, &shape).ok()?,
    };
    Some(zeros.into_tvalue())
}
