//! One layer: weights in the order in which they are used, a bias, and a cut at zero.

use tract_onnx::tract_hir::internal::*;

/// Outputs computed side by side.
const LANES: usize = 16;

/// Outputs below which each is a product of two rows: most lanes would be idle.
const NARROW: usize = 8;

/// Cells of a row multiplied side by side for one of these.
const NARROW_LANES: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    inputs: usize,
    outputs: usize,
    /// For each block of [`LANES`] outputs the weights of all inputs, with zeros for outputs that are not
    /// there; of a narrow layer, for each output those of all inputs.
    weights: Arc<Tensor>,
    /// For each output, and for those that are not there.
    bias: Arc<Tensor>,
    cut: bool,
}

impl Layer {
    /// A layer without bias. The weights are `[inputs, outputs]`, or the other way round, or `[inputs]` of one output.
    pub(super) fn new(weights: &Tensor, transposed: bool) -> TractResult<Self> {
        let (first, second) = (weights.shape().first(), weights.shape().get(1));
        let (first, second) = (*first.context("weights have an axis")?, second.copied().unwrap_or(1));
        let (inputs, outputs) = if transposed { (second, first) } else { (first, second) };
        let cells = weights.try_as_plain_ram()?.as_slice::<f32>()?;
        let [of_input, of_output] = if transposed { [1, inputs] } else { [outputs, 1] };
        let at = |input: usize, output: usize| {
            let place = input * of_input + output * of_output;
            if output < outputs { cells.get(place).copied().unwrap_or_default() } else { 0.0 }
        };
        let ordered: Vec<f32> = if outputs < NARROW {
            (0..outputs).flat_map(|output| (0..inputs).map(move |input| (input, output))).collect::<Vec<_>>()
        } else {
            let blocks = (0..outputs).step_by(LANES);
            let block =
                |first| (0..inputs).flat_map(move |input| (first..first + LANES).map(move |o| (input, o)));
            blocks.flat_map(block).collect()
        }
        .into_iter()
        .map(|(input, output)| at(input, output))
        .collect();
        let bias = Arc::new(tensor1(&vec![0.0_f32; outputs.next_multiple_of(LANES)]));
        Ok(Self { inputs, outputs, weights: Arc::new(tensor1(&ordered)), bias, cut: false })
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn is_narrow(&self) -> bool {
        self.outputs < NARROW
    }

    /// Adds a constant to the outputs, one for each or one for all; false where it is neither.
    pub(super) fn add(&mut self, constant: &Tensor) -> TractResult<bool> {
        let cells = constant.try_as_plain_ram()?.as_slice::<f32>()?;
        let along = constant.shape().last() == Some(&constant.len());
        let mut bias = match cells {
            [one] => vec![*one; self.outputs],
            cells if cells.len() == self.outputs && along => cells.to_vec(),
            _ => return Ok(false),
        };
        bias.resize(self.outputs.next_multiple_of(LANES), 0.0);
        self.bias = Arc::new(tensor1(&bias));
        Ok(true)
    }

    /// Outputs below zero become zero. What is not a number stays so.
    pub(super) fn cut(&mut self) {
        self.cut = true;
    }

    /// The outputs of some rows, which lie one after another.
    pub(super) fn apply(&self, rows: &[f32], into: &mut [f32]) -> TractResult<()> {
        let weights = self.weights.try_as_plain_ram()?.as_slice::<f32>()?;
        let bias = self.bias.try_as_plain_ram()?.as_slice::<f32>()?;
        let (inputs, outputs) = (self.inputs.max(1), self.outputs.max(1));
        if self.is_narrow() {
            for (row, into) in rows.chunks_exact(inputs).zip(into.chunks_exact_mut(outputs)) {
                let weights = weights.chunks_exact(inputs).zip(bias);
                into.iter_mut().zip(weights).for_each(|(into, (weights, bias))| {
                    *into = bias + product(row, weights);
                });
            }
        } else {
            let (weights, bias) = (weights.as_chunks().0, bias.as_chunks().0);
            for (row, into) in rows.chunks_exact(inputs).zip(into.chunks_exact_mut(outputs)) {
                let blocks = weights.chunks_exact(inputs).zip(bias);
                blocks.zip(into.chunks_mut(LANES)).for_each(|((weights, bias), into)| {
                    store(block(row, weights, *bias), into);
                });
            }
        }
        self.finish(into);
        Ok(())
    }

    /// The outputs of a narrow layer for so many rows, whose columns lie one after another.
    pub(super) fn apply_to_columns(&self, columns: &[f32], rows: usize, into: &mut [f32]) -> TractResult<()> {
        ensure!(self.is_narrow(), "a wide layer takes rows");
        let weights = self.weights.try_as_plain_ram()?.as_slice::<f32>()?;
        let bias = self.bias.try_as_plain_ram()?.as_slice::<f32>()?;
        let weights = weights.chunks_exact(self.inputs.max(1));
        for (output, (weights, bias)) in (0..self.outputs).zip(weights.zip(bias)) {
            let mut into = into.iter_mut().skip(output).step_by(self.outputs.max(1));
            for first in (0..rows).step_by(LANES) {
                let columns = columns.chunks_exact(rows.max(1)).map(|column| column.get(first..));
                let sums = rows_of_columns(columns.map(Option::unwrap_or_default), weights, *bias);
                sums.into_iter().zip(into.by_ref()).for_each(|(sum, into)| *into = sum);
            }
        }
        self.finish(into);
        Ok(())
    }

    fn finish(&self, into: &mut [f32]) {
        if self.cut {
            into.iter_mut().for_each(|cell| *cell = if *cell < 0.0 { 0.0 } else { *cell });
        }
    }
}

fn block(row: &[f32], weights: &[[f32; LANES]], bias: [f32; LANES]) -> [f32; LANES] {
    let mut sums = bias;
    for (cell, weights) in row.iter().zip(weights) {
        sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += cell * weight);
    }
    sums
}

/// The output of the first rows of all columns; what is behind the last row is of no meaning.
fn rows_of_columns<'a>(columns: impl Iterator<Item = &'a [f32]>, weights: &[f32], bias: f32) -> [f32; LANES] {
    let mut sums = [bias; LANES];
    for (column, weight) in columns.zip(weights) {
        match column.first_chunk::<LANES>() {
            Some(cells) => sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += cell * weight),
            None => sums.iter_mut().zip(column).for_each(|(sum, cell)| *sum += cell * weight),
        }
    }
    sums
}

/// An array is stored from registers; a slice of some length would be copied through memory.
fn store(sums: [f32; LANES], into: &mut [f32]) {
    match into.as_mut_array() {
        Some(whole) => *whole = sums,
        None => into.iter_mut().zip(sums).for_each(|(into, sum)| *into = sum),
    }
}

fn product(row: &[f32], weights: &[f32]) -> f32 {
    let ((rows, rest), (weights, others)) =
        (row.as_chunks::<NARROW_LANES>(), weights.as_chunks::<NARROW_LANES>());
    let mut sums = [0.0; NARROW_LANES];
    for (row, weights) in rows.iter().zip(weights) {
        sums.iter_mut().zip(row).zip(weights).for_each(|((sum, cell), weight)| *sum += cell * weight);
    }
    let rest: f32 = rest.iter().zip(others).map(|(cell, weight)| cell * weight).sum();
    sums.iter().sum::<f32>() + rest
}
