//! A model that takes as long as is wanted for little input, written field by field (onnx.proto), and its right answers.
//!
//! `x := x + relu(x · w)`, so many times: changes stay in proportion, so that rounding does not grow into another answer.

use strongroom_e2e::onnx::{FLOAT, Message, model, row};

/// Values of a row.
pub(crate) const WIDTH: usize = 1024;

/// Keeps what each layer adds small beside what was there.
const GAIN: f32 = 0.1;

/// Largest relative difference that counts as equal: sums of 1024 products in 32-bit floats, layer after layer.
const TOLERANCE: f32 = 1e-3;

/// The model.
pub(crate) struct Layers {
    weights: Vec<f32>,
    layers: usize,
}

impl Layers {
    pub(crate) fn new(layers: usize) -> Self {
        // Weights as He et al. (2015) spread them, times the gain.
        let spread = GAIN * (6.0 / WIDTH as f32).sqrt();
        let weights = numbers(1).take(WIDTH * WIDTH).map(|number| number * spread).collect();
        Self { weights, layers }
    }

    /// A row that is another one for each number.
    pub(crate) fn row(number: u32) -> Vec<f32> {
        numbers(number.wrapping_mul(2_654_435_761).wrapping_add(17)).take(WIDTH).collect()
    }

    /// The right answer, computed here.
    pub(crate) fn answer(&self, row: &[f32]) -> Vec<f32> {
        let mut values = row.to_vec();
        for _ in 0..self.layers {
            let mut sums = vec![0.0_f32; WIDTH];
            for (value, weights) in values.iter().zip(self.weights.chunks(WIDTH)) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
            }
            values.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum.max(0.0));
        }
        values
    }

    /// The ONNX file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut graph = Message::default();
        for layer in 0..self.layers {
            let name = |what: &str| format!("{what}{layer}");
            let input = if layer == 0 { "x".to_owned() } else { format!("x{}", layer - 1) };
            let output = if layer + 1 == self.layers { "y".to_owned() } else { name("x") };
            graph.message(1, &node("MatMul", &[&input, "w"], &name("h")));
            graph.message(1, &node("Relu", &[&name("h")], &name("r")));
            graph.message(1, &node("Add", &[&input, &name("r")], &output));
        }
        graph.text(2, "layers").message(5, &self.weights());
        graph.message(11, &row("x", WIDTH)).message(12, &row("y", WIDTH));
        model(&graph)
    }

    fn weights(&self) -> Message {
        let raw: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let mut tensor = Message::default();
        tensor.number(1, WIDTH).number(1, WIDTH).number(2, FLOAT).text(8, "w").bytes(9, &raw);
        tensor
    }
}

/// Whether two answers are the same but for rounding.
pub(crate) fn is_same(found: &[f32], expected: &[f32]) -> bool {
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let near = |(one, other): (&f32, &f32)| (one - other).abs() <= TOLERANCE * largest;
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

/// Numbers between −1 and 1 whose mantissas never repeat within 2²³.
fn numbers(seed: u32) -> impl Iterator<Item = f32> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(next(&seed), next).map(|state| f32::from_bits(0x4000_0000 | (state >> 9)) - 3.0)
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let mut node = Message::default();
    inputs.iter().for_each(|input| {
        node.text(1, input);
    });
    node.text(2, output).text(4, operator);
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_differ_and_so_do_their_answers() {
        let model = Layers::new(4);
        let answers = [1, 2, 3].map(|number| model.answer(&Layers::row(number)));
        assert!(answers.iter().flatten().all(|value| value.is_finite()));
        assert!(is_same(&answers[0], &answers[0]) && !is_same(&answers[0], &answers[1]));
        assert!(!is_same(&answers[0][1..], &answers[0]));
        assert!(numbers(5).take(10_000).all(|number| (-1.0..1.0).contains(&number)));
        assert!(model.file().len() > WIDTH * WIDTH * 4);
    }
}
