//! What several models say together: how often they disagree, and whom a majority agrees with.
//!
//! The label of a row is that of the first output declared to be labels; without one, the class with the
//! highest score.

use std::borrow::Cow;

use strongroom_attestation::release::{ModelControls, OutputKind};
use strongroom_seal::tensor::{DType, Tensor};

use super::scores::winner;
use crate::floats;

/// One label a row: its bytes, or the number of its class.
type Labels = Vec<Vec<u8>>;

/// The share of rows on which not all members give the same label, 0 to 1. `None` where no output says labels,
/// or members answer different numbers of rows.
#[must_use]
pub fn disagreement(answers: &[Vec<Tensor<'static>>], controls: &[&ModelControls]) -> Option<f64> {
    let labels = all_labels(answers, controls)?;
    let (first, others) = labels.split_first()?;
    let differ = first
        .iter()
        .enumerate()
        .filter(|(row, label)| others.iter().any(|other| other.get(*row) != Some(label)));
    #[expect(clippy::cast_precision_loss, reason = "a share of rows")]
    let share = differ.count() as f64 / first.len().max(1) as f64;
    Some(share)
}

/// The answer whose every row is that of the first member that gives the label of the majority. Of a tie, the
/// label that the earliest member gives. `None` where that cannot be told.
#[must_use]
pub fn majority(
    answers: &[Vec<Tensor<'static>>],
    controls: &[&ModelControls],
) -> Option<Vec<Tensor<'static>>> {
    let labels = all_labels(answers, controls)?;
    let rows = labels.first()?.len();
    let chosen: Vec<usize> = (0..rows).map(|row| elected(&labels, row)).collect();
    let outputs = answers.first()?.len();
    (0..outputs).map(|at| combine(answers, at, &chosen)).collect()
}

/// The member that answers a row.
fn elected(labels: &[Labels], row: usize) -> usize {
    let votes = |member: usize| {
        let own = labels.get(member).and_then(|labels| labels.get(row));
        labels.iter().filter(|other| other.get(row) == own).count()
    };
    let mut best = (0, 0);
    for member in 0..labels.len() {
        let count = votes(member);
        if count > best.1 {
            best = (member, count);
        }
    }
    best.0
}

/// Puts one output together from the rows of several members.
fn combine(answers: &[Vec<Tensor<'static>>], at: usize, chosen: &[usize]) -> Option<Tensor<'static>> {
    let first = answers.first()?.get(at)?;
    let mut data = Vec::with_capacity(first.data.len());
    for (row, member) in chosen.iter().enumerate() {
        let output = answers.get(*member)?.get(at)?;
        let same = output.name == first.name && output.dtype == first.dtype && output.shape == first.shape;
        if !same || output.dtype == DType::Bytes {
            return None;
        }
        let width = output.data.len() / chosen.len();
        data.extend_from_slice(output.data.get(row * width..(row + 1) * width)?);
    }
    Some(Tensor { data: Cow::Owned(data), ..first.clone() })
}

fn all_labels(answers: &[Vec<Tensor<'static>>], controls: &[&ModelControls]) -> Option<Vec<Labels>> {
    let labels: Vec<Labels> = answers
        .iter()
        .zip(controls)
        .map(|(answer, controls)| labels(answer, controls))
        .collect::<Option<_>>()?;
    let rows = labels.first()?.len();
    (rows > 0 && labels.iter().all(|labels| labels.len() == rows)).then_some(labels)
}

fn labels(outputs: &[Tensor<'static>], controls: &ModelControls) -> Option<Labels> {
    let of =
        |wanted: &[OutputKind]| outputs.iter().find(|output| wanted.contains(&controls.output(&output.name)));
    if let Some(label) = of(&[OutputKind::Label]).filter(|label| label.dtype != DType::Bytes) {
        let rows = usize::try_from(*label.shape.first()?).ok().filter(|rows| *rows > 0)?;
        return Some(label.data.chunks(label.data.len().div_ceil(rows).max(1)).map(<[u8]>::to_vec).collect());
    }
    let scores = of(&[OutputKind::Probabilities, OutputKind::Logits])?;
    let classes = usize::try_from(*scores.shape.last()?).ok().filter(|classes| *classes > 0)?;
    let values = floats::read(scores)?;
    Some(values.chunks_exact(classes).map(|row| winner(row).to_le_bytes().to_vec()).collect())
}
