//! The owner's model on the owner's machine: an ONNX file over a table of rows, in batches.

use std::collections::BTreeMap;
use std::path::Path;

use strongroom_engine::{DeriveOptions, Model, RunError, derive};
use strongroom_seal::model::{Dim, DimRange, Interface, TensorSpec};
use strongroom_seal::tensor::{DType, Tensor};

use crate::error::{CliError, Result};
use crate::limits::{BATCH_ROWS, MAX_MODEL_BYTES};
use crate::rows::Matrix;
use crate::secret::shown;
use crate::{files, progress};

/// A model that takes a table: one input of floats, its first dimension the rows.
pub(crate) struct LocalModel {
    model: Model,
    input: TensorSpec,
    /// Rows that one run takes.
    batch: usize,
    /// Whether a run takes exactly so many.
    fixed: bool,
}

/// One batch of rows with what the model answered.
pub(crate) struct Answered {
    /// The model's input.
    pub(crate) inputs: Vec<Tensor<'static>>,
    /// The model's outputs.
    pub(crate) outputs: Vec<Tensor<'static>>,
}

impl LocalModel {
    /// Loads an ONNX file; symbolic dimensions get ranges as `strongroom seal` gives them.
    pub(crate) fn load(path: &Path, symbols: BTreeMap<String, DimRange>) -> Result<Self> {
        let options = DeriveOptions { symbols, ..DeriveOptions::default() };
        let onnx = files::read(path, MAX_MODEL_BYTES)?;
        let compiling = progress::busy("compiling the model");
        let (interface, _) = derive(onnx, &options)?;
        drop(compiling);
        let wrong = |what: &str| CliError::usage(format!("{}: {what}", shown(path)));
        let input = table(&interface).ok_or_else(|| {
            wrong("the model has no single input of FP32 or FP64 whose first dimension counts rows")
        })?;
        let most = interface.most_rows();
        let fixed = matches!(input.shape.first(), Some(Dim::Fixed(_)));
        let rows = usize::try_from(most).unwrap_or(BATCH_ROWS);
        let batch = if fixed { rows } else { rows.min(BATCH_ROWS) };
        let onnx = files::read(path, MAX_MODEL_BYTES)?;
        let loading = progress::busy("loading the model");
        let model = Model::load(onnx, &interface)?;
        drop(loading);
        Ok(Self { input: input.clone(), batch, fixed, model })
    }

    /// Inputs and outputs.
    pub(crate) fn interface(&self) -> &Interface {
        self.model.interface()
    }

    /// The input that takes the rows.
    pub(crate) fn input(&self) -> &TensorSpec {
        &self.input
    }

    /// Runs it over all rows. A batch of a fixed size is filled up with its last row, and what the model says of
    /// those copies is kept: a caller takes as many rows as it gave.
    pub(crate) fn run(&self, matrix: &Matrix) -> Result<Vec<Answered>> {
        let width = self.input.row_width();
        if width != Some(matrix.width) {
            let width = width.map_or("an open number of".to_owned(), |width| width.to_string());
            let what = format!("rows of {} numbers for a model of {width} features", matrix.width);
            return Err(CliError::Usage(what));
        }
        let batches = matrix.values.chunks(self.batch.max(1) * matrix.width.max(1));
        let running = progress::steps("running the model", batches.len());
        let answered = batches.map(|values| self.one(values, matrix.width)).inspect(|_| running.step());
        answered.collect()
    }

    fn one(&self, values: &[f32], width: usize) -> Result<Answered> {
        let inputs = vec![tensor(&self.input, self.filled(values, width), width)];
        let failed = |error: RunError| CliError::usage(format!("the model does not run: {error}"));
        let valid = self.model.admit(&inputs, &[]).map_err(failed)?;
        let outputs = self.model.run(valid).map_err(failed)?;
        Ok(Answered { inputs, outputs })
    }

    fn filled(&self, values: &[f32], width: usize) -> Vec<f32> {
        let mut filled = values.to_vec();
        let last = values.get(values.len().saturating_sub(width)..).unwrap_or_default();
        while self.fixed && !last.is_empty() && filled.len() < self.batch * width {
            filled.extend_from_slice(last);
        }
        filled
    }
}

/// The one input of a model, where it takes rows of floats.
fn table(interface: &Interface) -> Option<&TensorSpec> {
    let [input] = interface.inputs.as_slice() else { return None };
    let floats = matches!(input.dtype, DType::Fp32 | DType::Fp64);
    (floats && input.shape.len() > 1 && input.row_width().is_some()).then_some(input)
}

/// Rows as a tensor of the input's type and shape.
pub(crate) fn tensor(input: &TensorSpec, values: Vec<f32>, width: usize) -> Tensor<'static> {
    let rows = values.len().checked_div(width).unwrap_or(0);
    let inner = input.shape.iter().skip(1).map(|dim| match dim {
        Dim::Fixed(fixed) => *fixed,
        Dim::Symbol(_) => 1,
    });
    let shape = std::iter::once(rows as u64).chain(inner).collect();
    let data: Vec<u8> = match input.dtype {
        DType::Fp64 => values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    Tensor { name: input.name.clone().into(), dtype: input.dtype, shape, data: data.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_answers_every_row_in_batches() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fraud/fraud.onnx");
        let model = LocalModel::load(&path, BTreeMap::new()).unwrap();
        let rows = BATCH_ROWS + 3;
        let matrix = Matrix { names: None, width: 30, values: vec![0.5; rows * 30] };
        let batches = model.run(&matrix).unwrap();
        assert_eq!(batches.len(), 2);
        let answered: u64 = batches.iter().filter_map(|batch| batch.outputs[0].shape.first()).sum();
        assert_eq!(answered, rows as u64);
        assert!(model.run(&Matrix { names: None, width: 15, values: vec![0.5; 30] }).is_err());
    }
}
