//! The declared inputs and outputs of a model, and the check of a request's tensors against them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_RANK, MAX_TENSOR_NAME_BYTES, MAX_TENSORS};
use crate::tensor::{DType, Tensor};

/// One dimension of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Always this many.
    Fixed(u64),
    /// As many as the request says, the same wherever the symbol stands.
    Symbol(String),
}

/// Smallest and largest value of a symbol, both allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimRange {
    /// Smallest value.
    pub min: u64,
    /// Largest value.
    pub max: u64,
}

/// One declared input or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Name in the ONNX graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape, outermost dimension first.
    pub shape: Vec<Dim>,
}

impl TensorSpec {
    /// Elements of one row, where the first dimension counts rows. [`None`] where the others are not fixed, or where
    /// there is no dimension.
    #[must_use]
    pub fn row_width(&self) -> Option<usize> {
        self.shape.get(1..)?.iter().try_fold(1_usize, |product, dim| match dim {
            Dim::Fixed(fixed) => product.checked_mul(usize::try_from(*fixed).ok()?),
            Dim::Symbol(_) => None,
        })
    }
}

/// The interface of a model. Anyone who verified the release may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Inputs in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Range of every symbol of the inputs.
    pub symbols: BTreeMap<String, DimRange>,
}

/// What is wrong with an interface, or with tensors offered to it. Names only declared things.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// The declaration contradicts itself.
    #[error("interface declares {0}")]
    Declaration(&'static str),
    /// A declared input is missing.
    #[error("input '{0}' is missing")]
    Missing(String),
    /// The same declared input twice.
    #[error("input '{0}' is given twice")]
    Twice(String),
    /// An input that is not declared, by its position in the request.
    #[error("input number {0} is not one of the model's")]
    Unknown(usize),
    /// An output was asked for that is not declared, by its position in the request.
    #[error("requested output number {0} is not one of the model's")]
    UnknownOutput(usize),
    /// Another type than declared.
    #[error("input '{input}' must be {expected}")]
    DType {
        /// Which input.
        input: String,
        /// Its declared type.
        expected: DType,
    },
    /// Another shape than declared.
    #[error("input '{0}' has another shape than the model takes")]
    Shape(String),
    /// A symbol outside its range, or with two values.
    #[error("input '{input}' sets '{symbol}' outside what the model takes")]
    Symbol {
        /// Which input.
        input: String,
        /// Which symbol.
        symbol: String,
    },
    /// Bytes and shape disagree.
    #[error("input '{0}' has another number of bytes than its type and shape ask for")]
    Bytes(String),
}

impl Interface {
    /// Checks the declaration itself.
    ///
    /// # Errors
    /// [`InterfaceError::Declaration`] naming what is wrong.
    pub fn check(&self) -> Result<(), InterfaceError> {
        check_specs(&self.inputs)?;
        check_specs(&self.outputs)?;
        if self.symbols.values().any(|range| range.min > range.max) {
            return Err(InterfaceError::Declaration("an empty range for a symbol"));
        }
        let unbounded = |dim: &Dim| matches!(dim, Dim::Symbol(symbol) if !self.symbols.contains_key(symbol));
        if self.inputs.iter().flat_map(|input| &input.shape).any(unbounded) {
            return Err(InterfaceError::Declaration("an input symbol without a range"));
        }
        Ok(())
    }

    /// Checks a request's tensors and returns the value of every symbol they set.
    ///
    /// # Errors
    /// The first disagreement, see [`InterfaceError`].
    pub fn admit(&self, inputs: &[Tensor<'_>]) -> Result<BTreeMap<String, u64>, InterfaceError> {
        for (position, tensor) in inputs.iter().enumerate() {
            let spec = self.input(&tensor.name).ok_or(InterfaceError::Unknown(position))?;
            if inputs.iter().take(position).any(|earlier| earlier.name == tensor.name) {
                return Err(InterfaceError::Twice(spec.name.clone()));
            }
        }
        let mut symbols = BTreeMap::new();
        for spec in &self.inputs {
            let tensor = inputs.iter().find(|tensor| tensor.name == spec.name);
            let tensor = tensor.ok_or_else(|| InterfaceError::Missing(spec.name.clone()))?;
            self.admit_one(spec, tensor, &mut symbols)?;
        }
        Ok(symbols)
    }

    /// Rows of a request whose symbols have these values: entries along the first input's outermost dimension,
    /// whether it is fixed or not. An input of one fixed dimension is one row, and no request has fewer.
    #[must_use]
    pub fn rows(&self, symbols: &BTreeMap<String, u64>) -> u64 {
        self.rows_by(|symbol| symbols.get(symbol).copied())
    }

    /// Rows of the largest request that the ranges of symbols allow.
    #[must_use]
    pub fn most_rows(&self) -> u64 {
        self.rows_by(|symbol| self.symbols.get(symbol).map(|range| range.max))
    }

    fn rows_by(&self, value: impl Fn(&str) -> Option<u64>) -> u64 {
        let shape = self.inputs.first().map_or(&[] as &[_], |input| &input.shape);
        let rows = match shape {
            [Dim::Symbol(symbol), ..] => value(symbol),
            [Dim::Fixed(rows), _, ..] => Some(*rows),
            _ => None,
        };
        rows.unwrap_or(1).max(1)
    }

    fn input(&self, name: &str) -> Option<&TensorSpec> {
        self.inputs.iter().find(|spec| spec.name == name)
    }

    fn admit_one(
        &self,
        spec: &TensorSpec,
        tensor: &Tensor<'_>,
        symbols: &mut BTreeMap<String, u64>,
    ) -> Result<(), InterfaceError> {
        if tensor.dtype != spec.dtype {
            return Err(InterfaceError::DType { input: spec.name.clone(), expected: spec.dtype });
        }
        if tensor.shape.len() != spec.shape.len() {
            return Err(InterfaceError::Shape(spec.name.clone()));
        }
        for (declared, value) in spec.shape.iter().zip(&tensor.shape) {
            self.admit_dim(spec, declared, *value, symbols)?;
        }
        tensor.check().map_err(|_| InterfaceError::Bytes(spec.name.clone()))
    }

    fn admit_dim(
        &self,
        spec: &TensorSpec,
        declared: &Dim,
        value: u64,
        symbols: &mut BTreeMap<String, u64>,
    ) -> Result<(), InterfaceError> {
        match declared {
            Dim::Fixed(fixed) if *fixed == value => Ok(()),
            Dim::Fixed(_) => Err(InterfaceError::Shape(spec.name.clone())),
            Dim::Symbol(symbol) => {
                let range = self.symbols.get(symbol);
                let inside = range.is_some_and(|range| (range.min..=range.max).contains(&value));
                let first = *symbols.entry(symbol.clone()).or_insert(value);
                if inside && first == value {
                    return Ok(());
                }
                Err(InterfaceError::Symbol { input: spec.name.clone(), symbol: symbol.clone() })
            }
        }
    }
}

fn check_specs(specs: &[TensorSpec]) -> Result<(), InterfaceError> {
    if specs.is_empty() || specs.len() > MAX_TENSORS {
        return Err(InterfaceError::Declaration("no tensors or too many"));
    }
    for (position, spec) in specs.iter().enumerate() {
        if spec.name.is_empty() || spec.name.len() > MAX_TENSOR_NAME_BYTES {
            return Err(InterfaceError::Declaration("a tensor name that is empty or too long"));
        }
        if spec.shape.len() > MAX_RANK {
            return Err(InterfaceError::Declaration("a tensor of too many dimensions"));
        }
        if specs.iter().take(position).any(|earlier| earlier.name == spec.name) {
            return Err(InterfaceError::Declaration("one tensor twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let spec = |name: &str, shape: Vec<Dim>| TensorSpec { name: name.into(), dtype: DType::Int8, shape };
        Interface {
            inputs: vec![
                spec("a", vec![Dim::Symbol("batch".into()), Dim::Fixed(2)]),
                spec("b", vec![Dim::Symbol("batch".into())]),
            ],
            outputs: vec![spec("y", vec![Dim::Symbol("batch".into())])],
            symbols: BTreeMap::from([("batch".into(), DimRange { min: 1, max: 3 })]),
        }
    }

    fn tensor(name: &str, shape: &[u64]) -> Tensor<'static> {
        let bytes = usize::try_from(shape.iter().product::<u64>()).unwrap();
        let name = name.to_owned().into();
        Tensor { name, dtype: DType::Int8, shape: shape.to_vec(), data: vec![0; bytes].into() }
    }

    #[test]
    fn tensors_that_fit_yield_their_symbols() {
        let symbols = interface().admit(&[tensor("b", &[3]), tensor("a", &[3, 2])]).unwrap();
        assert_eq!(symbols, BTreeMap::from([("batch".into(), 3)]));
    }

    #[test]
    fn each_misfit_is_named() {
        let (a, b) = (tensor("a", &[1, 2]), tensor("b", &[1]));
        let admit = |tensors: &[Tensor<'static>]| interface().admit(tensors).unwrap_err();
        assert_eq!(admit(std::slice::from_ref(&a)), InterfaceError::Missing("b".into()));
        assert_eq!(admit(&[a.clone(), a.clone(), b.clone()]), InterfaceError::Twice("a".into()));
        assert_eq!(admit(&[a.clone(), tensor("secret", &[1])]), InterfaceError::Unknown(1));
        assert_eq!(admit(&[tensor("a", &[1, 3]), b.clone()]), InterfaceError::Shape("a".into()));
        assert_eq!(admit(&[tensor("a", &[2]), b.clone()]), InterfaceError::Shape("a".into()));
        let symbol = |input: &str| InterfaceError::Symbol { input: input.into(), symbol: "batch".into() };
        assert_eq!(admit(&[tensor("a", &[4, 2]), tensor("b", &[4])]), symbol("a"));
        assert_eq!(admit(&[tensor("a", &[2, 2]), tensor("b", &[1])]), symbol("b"));
        let wide = Tensor { dtype: DType::Int16, ..b.clone() };
        assert_eq!(
            admit(&[a.clone(), wide]),
            InterfaceError::DType { input: "b".into(), expected: DType::Int8 }
        );
        let torn = Tensor { data: vec![0; 2].into(), ..b };
        assert_eq!(admit(&[a, torn]), InterfaceError::Bytes("b".into()));
    }

    #[test]
    fn rows_are_counted_along_the_first_inputs_outermost_dimension() {
        let with = |shape: Vec<Dim>| {
            let mut interface = interface();
            interface.inputs[0].shape = shape;
            let symbols = BTreeMap::from([("batch".into(), 2), ("samples".into(), 512)]);
            (interface.rows(&symbols), interface.most_rows())
        };
        let symbol = |name: &str| Dim::Symbol(name.into());
        assert_eq!(with(vec![symbol("batch"), Dim::Fixed(30)]), (2, 3));
        assert_eq!(with(vec![Dim::Fixed(64), Dim::Fixed(30)]), (64, 64), "a fixed batch is one");
        assert_eq!(with(vec![Dim::Fixed(1), symbol("samples")]), (1, 1));
        assert_eq!(with(vec![Dim::Fixed(30)]), (1, 1), "one row of numbers");
        assert_eq!(with(vec![]), (1, 1));
    }

    #[test]
    fn a_symbol_of_an_input_needs_a_range() {
        assert_eq!(interface().check(), Ok(()));
        let bare = Interface { symbols: BTreeMap::new(), ..interface() };
        assert!(matches!(bare.check(), Err(InterfaceError::Declaration(_))));
    }
}
