//! Turns tract's form of a graph into a plan: once for all shapes where tract can, else shape by shape.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_seal::model::{Dim, DimRange, Interface, TensorSpec};
use tract_onnx::prelude::{
    DatumType, InferenceFact, InferenceModel, InferenceModelExt as _, Symbol, SymbolScope, TDim, TractResult,
    TypedModel, TypedSimplePlan,
};

use crate::ceiling::{self, Excess};
use crate::convert::datum_type;
use crate::error::{Detail, LoadError};
use crate::faster::{self, Rows};
use crate::guard::guarded;
use crate::rewrite::rewrite;
use crate::sound;

/// A compiled model. Immutable, so that parallel runs share it; each run has a state of its own.
pub(crate) type Plan = TypedSimplePlan;

/// What a symbol stands for while compiling: itself, or a number.
pub(crate) type SymbolValues = BTreeMap<String, u64>;

/// The graph with the interface's types and shapes on its inputs: symbols where `values` is `None`.
pub(crate) fn wire(
    mut model: InferenceModel,
    interface: &Interface,
    values: Option<&SymbolValues>,
) -> Result<InferenceModel, LoadError> {
    let scope = model.symbols.clone();
    for (position, input) in interface.inputs.iter().enumerate() {
        let fact = fact(input, &scope, interface, values)?;
        model.set_input_fact(position, fact).map_err(|error| LoadError::Compile(Detail::new(&error)))?;
    }
    Ok(model)
}

fn fact(
    spec: &TensorSpec,
    scope: &SymbolScope,
    interface: &Interface,
    values: Option<&SymbolValues>,
) -> Result<InferenceFact, LoadError> {
    let shape = || LoadError::Shape { tensor: spec.name.clone() };
    let size = |size: u64| i64::try_from(size).map(TDim::from).map_err(|_| shape());
    let dim = |dim: &Dim| match (dim, values) {
        (Dim::Fixed(fixed), _) => size(*fixed),
        (Dim::Symbol(symbol), Some(values)) => size(*values.get(symbol).ok_or_else(shape)?),
        // tract parses symbol names; a number cannot be misread as an expression.
        (Dim::Symbol(symbol), None) => {
            let number = interface.symbols.keys().position(|key| key == symbol).ok_or_else(shape)?;
            Ok(TDim::from(symbol_of(scope, number)))
        }
    };
    let dims = spec.shape.iter().map(dim).collect::<Result<Vec<_>, _>>()?;
    let dtype = datum_type(spec.dtype).ok_or_else(|| LoadError::Unpassable { tensor: spec.name.clone() })?;
    Ok(InferenceFact::dt_shape(dtype, &dims))
}

/// tract's own name of the symbol of this number.
fn symbol_of(scope: &SymbolScope, number: usize) -> Symbol {
    scope.sym(&format!("strongroom_{number}"))
}

/// The symbols at one end of the ranges that the interface allows.
fn values(
    scope: &SymbolScope,
    interface: &Interface,
    end: fn(&DimRange) -> u64,
) -> tract_onnx::prelude::SymbolValues {
    let mut values = tract_onnx::prelude::SymbolValues::default();
    for (number, range) in interface.symbols.values().enumerate() {
        values.set(&symbol_of(scope, number), i64::try_from(end(range)).unwrap_or(i64::MAX));
    }
    values
}

/// Gives a graph its types, and gates what the types do not bound.
pub(crate) fn typed(model: InferenceModel) -> TractResult<TypedModel> {
    let mut typed = model.into_typed()?;
    ceiling::check(&typed)?;
    ceiling::gate_definers(&mut typed)?;
    Ok(typed)
}

/// Compiles a wired graph.
pub(crate) fn plan(model: InferenceModel, interface: &Interface) -> Result<Arc<Plan>, LoadError> {
    plan_for(model, interface, Rows::AsDeclared)
}

/// Compiles a wired graph for so many rows. The plan takes more, but others take those faster.
pub(crate) fn plan_for(
    model: InferenceModel,
    interface: &Interface,
    rows: Rows,
) -> Result<Arc<Plan>, LoadError> {
    let largest = values(&model.symbols, interface, |range| range.max);
    let smallest = values(&model.symbols, interface, |range| range.min);
    attempt(|| {
        let typed = typed(model)?;
        sound::check(&typed)?;
        let mut typed = typed.into_decluttered()?;
        rewrite(&mut typed)?;
        faster::before(&mut typed, rows)?;
        let mut optimized = typed.into_optimized()?;
        faster::after(&mut optimized)?;
        ceiling::gate_large(&mut optimized, &largest)?;
        ceiling::bound(&mut optimized, &smallest, &largest)?;
        TypedSimplePlan::new(optimized)
    })
}

/// Runs a step of tract on a model.
pub(crate) fn attempt<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, LoadError> {
    let done = guarded(work).map_err(|_| LoadError::Panicked)?;
    done.map_err(|error| {
        Excess::of(&error).map_or_else(|| LoadError::Compile(Detail::new(&error)), LoadError::from)
    })
}

/// Holds the types tract found to those declared; a plan that would answer otherwise is not used.
pub(crate) fn check_outputs(plan: &Plan, interface: &Interface) -> Result<(), LoadError> {
    for (position, output) in interface.outputs.iter().enumerate() {
        let found = plan.model().output_fact(position).map(|fact| fact.datum_type.unquantized());
        let found = found.map_err(|error| LoadError::Compile(Detail::new(&error)))?;
        let found = if found == DatumType::TDim { DatumType::I64 } else { found };
        if datum_type(output.dtype) != Some(found) {
            return Err(LoadError::DType { tensor: output.name.clone() });
        }
    }
    Ok(())
}
