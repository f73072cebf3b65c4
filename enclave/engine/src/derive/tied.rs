//! Finds the inputs whose rows go together.
//!
//! An exporter that writes an input for each column leaves the leading dimension of each without a name, though the model takes
//! as many rows of one as of another. As symbols of their own, each could only take the one value that the others are tried with.

use strongroom_seal::model::{Dim, Interface, TensorSpec};
use tract_onnx::prelude::InferenceModel;

use super::DeriveOptions;
use crate::answer;
use crate::compile::SymbolValues;
use crate::limits::PROBE_VALUES;

/// Makes one symbol of the leading dimensions without a name that the model only takes alike: that of the first of them, or of the one
/// whose range the owner states. One with another stated range keeps its own, and so does one that may differ from the others.
pub(super) fn tie(interface: &mut Interface, graph: &InferenceModel, options: &DeriveOptions) {
    let leading: Vec<String> = interface.inputs.iter().filter_map(leading).collect();
    if leading.len() < 2 {
        return;
    }
    let Some((base, rows)) = base(interface, graph, options, &leading) else { return };
    let takes = |symbols: &[String]| {
        let more = symbols.iter().map(|symbol| (symbol.clone(), rows + 1));
        answer::fits(interface, graph, &base.clone().into_iter().chain(more).collect())
    };
    if !takes(&leading) {
        return;
    }
    let together: Vec<&String> =
        leading.iter().filter(|symbol| !takes(std::slice::from_ref(*symbol))).collect();
    let stated = |symbol: &String| options.symbols.get(symbol);
    let first_stated = together.iter().find(|symbol| stated(symbol).is_some());
    let Some(&name) = first_stated.or(together.first()) else { return };
    let is_other =
        |symbol: &String| symbol != name && (stated(symbol).is_none() || stated(symbol) == stated(name));
    let renamed: Vec<&String> = together.iter().copied().filter(|symbol| is_other(symbol)).collect();
    for dim in interface.inputs.iter_mut().filter_map(|input| input.shape.first_mut()) {
        if matches!(dim, Dim::Symbol(symbol) if renamed.contains(&&*symbol)) {
            *dim = Dim::Symbol(name.clone());
        }
    }
    interface.symbols.retain(|symbol, _| !renamed.contains(&symbol));
}

/// The symbol of an input's leading dimension, where the file gives it no name.
fn leading(input: &TensorSpec) -> Option<String> {
    let unnamed = super::unnamed(&input.name, 0);
    matches!(input.shape.first(), Some(Dim::Symbol(symbol)) if *symbol == unnamed).then_some(unnamed)
}

/// Values of all symbols that the model takes, with as many rows of each input, and how many.
fn base(
    interface: &Interface,
    graph: &InferenceModel,
    options: &DeriveOptions,
    leading: &[String],
) -> Option<(SymbolValues, u64)> {
    let stated = leading.iter().find_map(|symbol| options.symbols.get(symbol)).map(|range| range.min);
    PROBE_VALUES.into_iter().find_map(|probe| {
        let rows = stated.unwrap_or(probe);
        let value = |symbol: &String| match options.symbols.get(symbol) {
            _ if leading.contains(symbol) => rows,
            Some(range) => range.min,
            None => probe,
        };
        let values = interface.symbols.keys().map(|symbol| (symbol.clone(), value(symbol))).collect();
        answer::fits(interface, graph, &values).then_some((values, rows))
    })
}
