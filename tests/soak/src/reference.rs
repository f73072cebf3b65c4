//! Requests whose right answers are known from the plain model, and the judgement of what came back.
//!
//! The answers are those that were stored beside the bundled model when it was made, by another runtime than the enclave's.
//! Only rows whose answers differ by more than the tolerance are asked, so that an answer to another request is wrong here.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use strongroom_client::{InferAnswer, InferRequest};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::world::bundled_folder;

use crate::SoakError;

/// Largest difference of a probability that counts as equal: both sides compute in 32-bit floats.
const TOLERANCE: f64 = 1e-5;

/// Rows that are asked.
const ROWS: usize = 200;

/// Values of a row.
const WIDTH: usize = 30;

/// A question and its answer.
pub(crate) struct Known {
    row: Vec<f32>,
    label: i64,
    fraud: f64,
}

/// What is asked.
pub(crate) struct Reference(Vec<Known>);

impl Reference {
    /// Reads the bundled rows and their answers.
    pub(crate) fn load() -> Result<Self, SoakError> {
        let folder = bundled_folder()?;
        let (rows, answers) = (table(&folder.join("test.csv"))?, table(&folder.join("expected.csv"))?);
        let mut known: Vec<Known> = Vec::new();
        for (row, answer) in rows.iter().zip(&answers) {
            let Some(one) = Known::of(row, answer) else { continue };
            if known.iter().all(|other| (other.fraud - one.fraud).abs() > 4.0 * TOLERANCE) {
                known.push(one);
            }
        }
        known.truncate(ROWS);
        if known.len() < ROWS / 2 {
            return Err(SoakError::unfit("too few bundled rows have answers of their own"));
        }
        Ok(Self(known))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them; the first where there is no such place.
    pub(crate) fn at(&self, place: usize) -> Option<&Known> {
        self.0.get(place).or_else(|| self.0.first())
    }
}

impl Known {
    fn of(row: &[f64], answer: &[f64]) -> Option<Self> {
        let row: Vec<f32> = row.iter().map(|value| *value as f32).collect();
        let (label, fraud) = (*answer.first()? as i64, *answer.get(2)?);
        (row.len() == WIDTH).then_some(Self { row, label, fraud })
    }

    /// As the client library asks it.
    pub(crate) fn request(&self) -> Option<InferRequest<'static>> {
        let data: Vec<u8> = self.row.iter().flat_map(|value| value.to_le_bytes()).collect();
        let input =
            Tensor { name: "X".into(), dtype: DType::Fp32, shape: vec![1, WIDTH as u64], data: data.into() };
        let model = "fraud".parse().ok()?;
        Some(InferRequest {
            model,
            version: None,
            inputs: vec![input],
            outputs: vec![],
            risk: BTreeMap::new(),
        })
    }

    /// As an application asks it.
    pub(crate) fn json(&self) -> String {
        let input = json!({ "name": "X", "datatype": "FP32", "shape": [1, WIDTH], "data": self.row });
        json!({ "inputs": [input] }).to_string()
    }

    /// Whether the client library's answer is the right one.
    pub(crate) fn is_answered(&self, answer: &InferAnswer) -> bool {
        let named = |name: &str| answer.outputs.iter().find(|output| output.name == name);
        let label =
            named("label").and_then(|label| label.data.first_chunk().copied().map(i64::from_le_bytes));
        let scores = named("probabilities").map(|scores| scores.data.as_chunks::<4>().0.to_vec());
        let fraud = scores.and_then(|scores| scores.get(1).copied().map(f32::from_le_bytes));
        self.is(label, fraud.map(f64::from))
    }

    /// Whether an answer in JSON is the right one.
    pub(crate) fn is_told(&self, answer: &str) -> bool {
        let Ok(answer) = serde_json::from_str::<Value>(answer) else { return false };
        let outputs = answer.get("outputs").and_then(Value::as_array);
        let first = |name: &str, at: usize| {
            let named = |output: &&Value| output.get("name").and_then(Value::as_str) == Some(name);
            outputs?.iter().find(named)?.get("data")?.get(at).cloned()
        };
        let label = first("label", 0).and_then(|label| label.as_i64());
        self.is(label, first("probabilities", 1).and_then(|score| score.as_f64()))
    }

    fn is(&self, label: Option<i64>, fraud: Option<f64>) -> bool {
        label == Some(self.label) && fraud.is_some_and(|fraud| (fraud - self.fraud).abs() <= TOLERANCE)
    }
}

/// The numbers of a CSV file with one header line.
fn table(path: &Path) -> Result<Vec<Vec<f64>>, SoakError> {
    let text = std::fs::read_to_string(path).map_err(SoakError::io(path.display().to_string()))?;
    let rows = text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.trim().parse()).collect());
    let rows: Result<_, std::num::ParseFloatError> = rows.collect();
    rows.map_err(|_| SoakError::unfit(format!("{}: not numbers", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_an_answer_that_no_other_row_has() {
        let reference = Reference::load().unwrap();
        assert!(reference.len() >= 100);
        let told = |known: &Known| {
            json!({ "outputs": [
                { "name": "label", "data": [known.label] },
                { "name": "probabilities", "data": [1.0 - known.fraud, known.fraud] },
            ] })
            .to_string()
        };
        for (place, known) in reference.0.iter().enumerate() {
            let fits: Vec<_> =
                (0..reference.len()).filter(|other| reference.0[*other].is_told(&told(known))).collect();
            assert_eq!(fits, [place]);
        }
        assert!(!reference.0[0].is_told("{}") && !reference.0[0].is_told("nonsense"));
    }
}
