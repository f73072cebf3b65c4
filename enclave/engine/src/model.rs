//! A loaded model: admits inputs, runs them, gives outputs by name.

use std::sync::Arc;

use strongroom_seal::model::{Interface, InterfaceError};
use strongroom_seal::tensor::Tensor;
use tract_onnx::prelude::{TValue, TVec, Tensor as TractTensor};
use zeroize::Zeroizing;

use crate::ceiling::Excess;
use crate::compile::SymbolValues;
use crate::demand::Demand;
use crate::error::{LoadError, RunError};
use crate::guard::guarded;
use crate::limits::LITTLE_BYTES;
use crate::onnx::Graph;
use crate::plans::Plans;
use crate::{convert, declared, split};

/// A model in memory. Shared by threads: every run has a state of its own.
pub struct Model {
    interface: Interface,
    plans: Plans,
    demand: Demand,
    /// Tells this model's [`ValidInputs`] from another's.
    identity: Arc<()>,
}

/// Inputs that a model admitted. [`Model::admit`] alone makes it, so an unchecked run does not compile.
pub struct ValidInputs {
    inputs: TVec<TractTensor>,
    symbols: SymbolValues,
    /// Positions of the outputs to give, in the order asked for.
    outputs: Vec<usize>,
    identity: Arc<()>,
}

impl Model {
    /// Builds the model of an ONNX file, held to the interface that its owner signed.
    ///
    /// # Security
    /// The buffer is wiped and freed as soon as it is decoded, the decoded weights as soon as tract
    /// has copied them. tract's own copies live as long as the model and are not wiped.
    ///
    /// # Errors
    /// See [`LoadError`]: the file is damaged, needs what the engine lacks, or is not what was declared.
    pub fn load(onnx: Zeroizing<Vec<u8>>, interface: &Interface) -> Result<Self, LoadError> {
        Self::load_with(onnx, interface, &[])
    }

    /// As [`Model::load`], for a model that may hold these operators of the engine beside the listed ones.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load_with(
        onnx: Zeroizing<Vec<u8>>,
        interface: &Interface,
        operators: &[String],
    ) -> Result<Self, LoadError> {
        let graph = Graph::decode(onnx, operators)?;
        declared::check(graph.proto(), interface)?;
        let plans = Plans::compile(graph.parse()?, interface)?;
        let demand = guarded(|| Demand::of(&plans, interface)).map_err(|_| LoadError::Panicked)?;
        Ok(Self { interface: interface.clone(), plans, demand, identity: Arc::new(()) })
    }

    /// The interface the model was loaded with.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Whether one plan serves all shapes. Where not, the first request of each shape pays for compiling it.
    #[must_use]
    pub fn compiled_for_all_shapes(&self) -> bool {
        self.plans.complete()
    }

    /// Bytes that a run with these inputs holds at its highest, the weights and the answer's own copy aside; 0 for at most
    /// [`LITTLE_BYTES`](crate::limits::LITTLE_BYTES), and for inputs that are not admitted or that a run refuses. `None` where
    /// that is not known before the model is compiled for their shapes.
    #[must_use]
    pub fn held(&self, inputs: &[Tensor<'_>]) -> Option<u64> {
        let Ok(symbols) = self.interface.admit(inputs) else { return Some(0) };
        if self.demand.is_little(&symbols) {
            return Some(0);
        }
        (!self.plans.compiles(&symbols)).then(|| self.held_compiled(inputs))
    }

    /// As [`Model::held`], compiling where need be.
    #[must_use]
    pub fn held_compiled(&self, inputs: &[Tensor<'_>]) -> u64 {
        let Ok(symbols) = self.interface.admit(inputs) else { return 0 };
        let held = guarded(|| self.plans.held(&symbols, &self.interface));
        held.ok().flatten().filter(|held| *held > LITTLE_BYTES).unwrap_or(0)
    }

    /// Bytes that a run with the largest inputs holds at its highest, the weights aside. `None` where that takes compiling for
    /// them, or where such a run is refused.
    #[must_use]
    pub fn most_held(&self) -> Option<u64> {
        let largest = self.interface.symbols.iter().map(|(symbol, range)| (symbol.clone(), range.max));
        guarded(|| self.plans.held_together(&largest.collect(), &self.interface)).ok().flatten()
    }

    /// Checks a request's tensors and copies them. `outputs` names those wanted, in order; empty for all.
    ///
    /// # Errors
    /// [`RunError::Interface`] when inputs or outputs are not those declared, [`RunError::Text`] for
    /// a string that is not UTF-8.
    pub fn admit(&self, inputs: &[Tensor<'_>], outputs: &[String]) -> Result<ValidInputs, RunError> {
        let symbols = self.interface.admit(inputs)?;
        let outputs = self.positions(outputs)?;
        let convert = |name: &String| {
            let tensor = inputs.iter().find(|tensor| tensor.name == *name);
            tensor.and_then(convert::to_tract).ok_or_else(|| RunError::Text(name.clone()))
        };
        let inputs =
            self.interface.inputs.iter().map(|spec| convert(&spec.name)).collect::<Result<_, _>>()?;
        Ok(ValidInputs { inputs, symbols, outputs, identity: Arc::clone(&self.identity) })
    }

    fn positions(&self, outputs: &[String]) -> Result<Vec<usize>, InterfaceError> {
        if outputs.is_empty() {
            return Ok((0..self.interface.outputs.len()).collect());
        }
        let find = |(position, name): (usize, &String)| {
            let repeated = outputs.iter().take(position).any(|earlier| earlier == name);
            let found = self.interface.outputs.iter().position(|spec| spec.name == *name);
            found.filter(|_| !repeated).ok_or(InterfaceError::UnknownOutput(position))
        };
        outputs.iter().enumerate().map(find).collect()
    }

    /// Runs the model once.
    ///
    /// # Errors
    /// [`RunError::Shape`] when the model does not take these dimensions together, [`RunError::Failed`]
    /// and [`RunError::Panicked`] when tract does, [`RunError::Output`] when an answer is of another
    /// type than declared, [`RunError::OtherModel`] when another model admitted the inputs.
    pub fn run(&self, valid: ValidInputs) -> Result<Vec<Tensor<'static>>, RunError> {
        if !Arc::ptr_eq(&self.identity, &valid.identity) {
            return Err(RunError::OtherModel);
        }
        let parts = self.plans.get(&valid.symbols).ok_or(RunError::Shape)?;
        let values = guarded(|| split::run(&parts, valid.inputs)).map_err(|_| RunError::Panicked)?;
        let values = values.map_err(|error| Excess::of(&error).map_or(RunError::Failed, RunError::from))?;
        valid.outputs.iter().map(|position| self.output(*position, &values)).collect()
    }

    fn output(&self, position: usize, values: &[TValue]) -> Result<Tensor<'static>, RunError> {
        let spec = self.interface.outputs.get(position).ok_or(RunError::Failed)?;
        let value = values.get(position).ok_or(RunError::Failed)?;
        let tensor = guarded(|| convert::from_tract(&spec.name, spec.dtype, value));
        let tensor = tensor.map_err(|_| RunError::Panicked)?;
        tensor.ok_or_else(|| RunError::Output { output: spec.name.clone(), expected: spec.dtype })
    }
}
