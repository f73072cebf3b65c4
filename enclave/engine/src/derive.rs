//! Derives from an ONNX file what its owner will sign: the interface and the bound of its answers.

mod tied;

use std::collections::BTreeMap;

use strongroom_seal::model::{AnswerBound, Dim, DimRange, Interface, TensorSpec};
use tract_onnx::prelude::InferenceModel;
use zeroize::Zeroizing;

use crate::answer;
use crate::compile::SymbolValues;
use crate::declared::{self, Declared, DeclaredDim};
use crate::error::LoadError;
use crate::limits::{DEFAULT_SYMBOL_MAX, DEFAULT_SYMBOL_MIN, MAX_SYMBOL_BYTES, PROBE_VALUES};
use crate::onnx::Graph;
use crate::plans::Plans;

/// What the owner states beside the ONNX file.
#[derive(Clone, Debug, Default)]
pub struct DeriveOptions {
    /// Ranges of symbols, by the name of the dimension in the file, or `INPUT.AXIS` where it has none. Where inputs only
    /// go with as many rows of each, the first of them stands for all.
    pub symbols: BTreeMap<String, DimRange>,
    /// How large answers may be; derived from the shapes when absent.
    pub answer: Option<AnswerBound>,
    /// Operators that the model may hold beside the listed ones: `Name`, or `domain::Name`.
    pub operators: Vec<String>,
}

/// Derives interface and answer bound of a model.
///
/// A symbol without a stated range gets one: from the smallest to the largest power of two, within
/// [`DEFAULT_SYMBOL_MAX`], that the model is found to take.
///
/// # Errors
/// See [`LoadError`]; [`LoadError::AnswerBound`] when the owner has to state the bound himself.
pub fn derive(
    onnx: Zeroizing<Vec<u8>>,
    options: &DeriveOptions,
) -> Result<(Interface, AnswerBound), LoadError> {
    let graph = Graph::decode(onnx, &options.operators)?;
    let (inputs, outputs) = declared::read(graph.proto())?;
    let mut interface = Interface {
        inputs: inputs.iter().map(spec).collect::<Result<_, _>>()?,
        outputs: Vec::new(),
        symbols: BTreeMap::new(),
    };
    interface.symbols = ranges(&interface.inputs, options)?;
    let graph = graph.parse()?;
    tied::tie(&mut interface, &graph, options);
    fit_ranges(&mut interface, &graph, options)?;
    interface.outputs = output_specs(&interface, &graph, &outputs)?;
    interface.check()?;
    let answer = match options.answer {
        Some(stated) => stated,
        None => answer::derive(&interface, &graph)?,
    };
    // What is derived here also loads: an owner hears of it now, not the enclave later.
    Plans::compile(graph, &interface)?;
    Ok((interface, answer))
}

fn spec(tensor: &Declared) -> Result<TensorSpec, LoadError> {
    let shape = tensor.shape.as_ref().ok_or_else(|| LoadError::Shape { tensor: tensor.name.clone() })?;
    let shape = shape.iter().enumerate().map(|(axis, dim)| dimension(tensor, axis, dim)).collect();
    Ok(TensorSpec { name: tensor.name.clone(), dtype: tensor.dtype, shape })
}

fn dimension(tensor: &Declared, axis: usize, dim: &DeclaredDim) -> Dim {
    match dim {
        DeclaredDim::Fixed(fixed) => Dim::Fixed(*fixed),
        DeclaredDim::Named(name)
            if name.len() <= MAX_SYMBOL_BYTES && name.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Dim::Symbol(name.clone())
        }
        DeclaredDim::Named(_) | DeclaredDim::Open => Dim::Symbol(unnamed(&tensor.name, axis)),
    }
}

/// The symbol of a dimension without a name.
fn unnamed(tensor: &str, axis: usize) -> String {
    format!("{tensor}.{axis}")
}

fn ranges(inputs: &[TensorSpec], options: &DeriveOptions) -> Result<BTreeMap<String, DimRange>, LoadError> {
    let default = DimRange { min: DEFAULT_SYMBOL_MIN, max: DEFAULT_SYMBOL_MAX };
    let mut ranges = BTreeMap::new();
    for dim in inputs.iter().flat_map(|input| &input.shape) {
        if let Dim::Symbol(symbol) = dim {
            let range = options.symbols.get(symbol).copied().unwrap_or(default);
            ranges.insert(symbol.clone(), range);
        }
    }
    match options.symbols.keys().find(|stated| !ranges.contains_key(*stated)) {
        Some(symbol) => Err(LoadError::Symbol { symbol: symbol.clone() }),
        None => Ok(ranges),
    }
}

/// Shrinks the ranges nobody stated to what the model takes.
fn fit_ranges(
    interface: &mut Interface,
    graph: &InferenceModel,
    options: &DeriveOptions,
) -> Result<(), LoadError> {
    let open: Vec<String> =
        interface.symbols.keys().filter(|symbol| !options.symbols.contains_key(*symbol)).cloned().collect();
    let mut base: SymbolValues =
        interface.symbols.iter().map(|(symbol, range)| (symbol.clone(), range.min)).collect();
    let mut refusal = Ok(());
    for probe in PROBE_VALUES {
        base.extend(open.iter().map(|symbol| (symbol.clone(), probe)));
        refusal = answer::output_shapes(interface, graph, &base).map(drop);
        if refusal.is_ok() || open.is_empty() {
            break;
        }
    }
    refusal?;
    for symbol in &open {
        let Some(&min) = base.get(symbol) else { continue };
        let mut max = DEFAULT_SYMBOL_MAX;
        let takes = |max: u64| {
            let mut values = base.clone();
            values.insert(symbol.clone(), max);
            answer::fits(interface, graph, &values)
        };
        while max > min && !takes(max) {
            max /= 2;
        }
        interface.symbols.insert(symbol.clone(), DimRange { min, max: max.max(min) });
    }
    Ok(())
}

fn output_specs(
    interface: &Interface,
    graph: &InferenceModel,
    outputs: &[Declared],
) -> Result<Vec<TensorSpec>, LoadError> {
    let smallest = interface.symbols.iter().map(|(symbol, range)| (symbol.clone(), range.min)).collect();
    let found = answer::output_shapes(interface, graph, &smallest)?;
    let one = |(position, output): (usize, &Declared)| {
        let wrong = || LoadError::Shape { tensor: output.name.clone() };
        let found = found.get(position).and_then(Option::as_deref);
        if output.shape.is_none() {
            // The file leaves even the number of dimensions open: what tract finds, or nothing.
            let rank = found.map(<[u64]>::len).ok_or_else(wrong)?;
            let shape = (0..rank).map(|axis| dimension(output, axis, &DeclaredDim::Open)).collect();
            return Ok(TensorSpec { name: output.name.clone(), dtype: output.dtype, shape });
        }
        let spec = spec(output)?;
        if found.is_some_and(|found| !agrees(found, &spec.shape)) { Err(wrong()) } else { Ok(spec) }
    };
    outputs.iter().enumerate().map(one).collect()
}

/// Whether a shape that tract found is one that the file promises.
fn agrees(found: &[u64], promised: &[Dim]) -> bool {
    let agrees_one = |(found, promised): (&u64, &Dim)| match promised {
        Dim::Fixed(fixed) => found == fixed,
        Dim::Symbol(_) => true,
    };
    found.len() == promised.len() && found.iter().zip(promised).all(agrees_one)
}
