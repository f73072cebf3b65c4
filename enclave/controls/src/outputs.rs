//! What leaves: the outputs of a model under a treatment.
//!
//! In this order, row by row: clamp, temperature, keyed smooth noise, rounding, then top-k or the label alone.
//! Whatever is done, the class with the highest score stays the one with the highest score, and strictly so.

mod scores;
mod vote;

use strongroom_attestation::release::{Detail, ModelControls, OutputKind, Treatment};
use strongroom_seal::tensor::Tensor;

use crate::floats;
use crate::noise::Keyed;
use scores::Scores;

pub use vote::{disagreement, majority};

/// Treats the outputs of one answer. What the treatment withholds is left out.
///
/// Returns `None` when a treatment cannot be applied to an output as it is; then nothing may be released.
#[must_use]
pub fn treat(
    outputs: Vec<Tensor<'static>>,
    controls: &ModelControls,
    treatment: &Treatment,
    noise: Option<&Keyed<'_>>,
) -> Option<Vec<Tensor<'static>>> {
    if treatment.is_exact() {
        return Some(outputs);
    }
    if treatment.noise.is_some() && noise.is_none() {
        return None;
    }
    let mut treated = Vec::with_capacity(outputs.len());
    for output in outputs {
        match controls.output(&output.name) {
            OutputKind::Label => treated.push(output),
            OutputKind::Values if treatment.detail == Detail::LabelOnly => {}
            OutputKind::Values => treated.push(values(output, treatment, noise)?),
            kind @ (OutputKind::Probabilities | OutputKind::Logits) => {
                treated.push(scores(output, kind, treatment, noise)?);
            }
        }
    }
    Some(treated)
}

/// Numbers without classes: noise and rounding. Those of types without fractions stay as they are.
fn values(
    mut output: Tensor<'static>,
    treatment: &Treatment,
    noise: Option<&Keyed<'_>>,
) -> Option<Tensor<'static>> {
    if treatment.noise.is_none() && treatment.decimals.is_none() {
        return Some(output);
    }
    let Some(mut values) = floats::read(&output) else { return Some(output) };
    if let Some(noise) = noise {
        let rows = output.shape.first().and_then(|rows| usize::try_from(*rows).ok()).unwrap_or(1).max(1);
        if !noise.add(values.len() / rows, &mut values) {
            return None;
        }
    }
    if let Some(decimals) = treatment.decimals {
        let step = 10_f64.powi(-i32::from(decimals));
        values.iter_mut().for_each(|value| *value = (*value / step).round_ties_even() * step);
    }
    floats::write(&mut output, &values);
    Some(output)
}

fn scores(
    mut output: Tensor<'static>,
    kind: OutputKind,
    treatment: &Treatment,
    noise: Option<&Keyed<'_>>,
) -> Option<Tensor<'static>> {
    let mut values = floats::read(&output)?;
    // A single column has no winner.
    let classes =
        output.shape.last().and_then(|last| usize::try_from(*last).ok()).filter(|last| *last > 1)?;
    let rules = Scores::new(kind, treatment, output.dtype);
    let winners: Vec<usize> = values.chunks_exact(classes).map(scores::winner).collect();
    if treatment.detail != Detail::LabelOnly {
        values.chunks_exact_mut(classes).for_each(|row| rules.scale(row));
        if let Some(noise) = noise {
            let rows =
                output.shape.first().and_then(|rows| usize::try_from(*rows).ok()).filter(|n| *n > 0)?;
            if !noise.add_between(classes, values.len() / rows, &mut values) {
                return None;
            }
        }
    }
    for (row, winner) in values.chunks_exact_mut(classes).zip(winners) {
        rules.release(row, winner)?;
    }
    floats::write(&mut output, &values);
    Some(output)
}

#[cfg(test)]
mod tests;
