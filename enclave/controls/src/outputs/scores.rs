//! One row of scores.
//!
//! Whatever is done, the class that won before is the one that wins afterwards, by a difference that the output's
//! own type can hold: values are narrowed to that type before they are compared.

use strongroom_attestation::release::{Clamp, Detail, OutputKind, Treatment};
use strongroom_seal::tensor::DType;

use crate::floats::narrow;

/// How rows of scores are released.
pub(super) struct Scores {
    kind: OutputKind,
    detail: Detail,
    clamp: Option<Clamp>,
    temperature: Option<f64>,
    decimals: Option<i32>,
    dtype: DType,
}

/// Doublings after which any step is large enough to show.
const MAX_DOUBLINGS: usize = 1100;

/// The class with the highest score; of equals the first.
pub(super) fn winner(row: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (class, score) in row.iter().enumerate() {
        if *score > best.1 {
            best = (class, *score);
        }
    }
    best.0
}

impl Scores {
    pub(super) fn new(kind: OutputKind, treatment: &Treatment, dtype: DType) -> Self {
        Self {
            kind,
            detail: treatment.detail,
            clamp: treatment.clamp.filter(|_| kind == OutputKind::Logits),
            temperature: treatment.temperature,
            decimals: treatment.decimals.map(i32::from),
            dtype,
        }
    }

    /// Clamp and temperature: what comes before noise.
    pub(super) fn scale(&self, row: &mut [f64]) {
        if let Some(Clamp { min, max }) = self.clamp {
            row.iter_mut().for_each(|score| *score = score.clamp(min, max));
        }
        let Some(temperature) = self.temperature else { return };
        match self.kind {
            OutputKind::Probabilities => {
                row.iter_mut().for_each(|p| *p = p.max(0.0).powf(1.0 / temperature));
                let sum: f64 = row.iter().sum();
                if sum > 0.0 && sum.is_finite() {
                    row.iter_mut().for_each(|p| *p /= sum);
                }
            }
            _ => row.iter_mut().for_each(|score| *score /= temperature),
        }
    }

    /// Rounding, top-k or the label alone: what comes after noise. `None` for a row that holds something else than
    /// finite numbers.
    pub(super) fn release(&self, row: &mut [f64], winner: usize) -> Option<()> {
        if self.detail == Detail::LabelOnly {
            for (class, score) in row.iter_mut().enumerate() {
                *score = if class == winner { 1.0 } else { 0.0 };
            }
            return Some(());
        }
        if self.kind == OutputKind::Probabilities {
            row.iter_mut().for_each(|p| *p = p.clamp(0.0, 1.0));
        }
        row.iter_mut().for_each(|score| *score = self.shown(*score));
        if !row.iter().all(|score| score.is_finite()) {
            return None;
        }
        self.keep_winner(row, winner)?;
        match self.detail {
            Detail::TopK(k) => self.cut(row, winner, k as usize),
            _ => Some(()),
        }
    }

    /// Makes the winner's score the highest, strictly: the others go below it.
    fn keep_winner(&self, row: &mut [f64], winner: usize) -> Option<()> {
        let mut best = *row.get(winner)?;
        let contested = row.iter().enumerate().any(|(class, score)| class != winner && *score >= best);
        if !contested {
            return Some(());
        }
        let mut below = self.below(best)?;
        if self.kind == OutputKind::Probabilities && below < 0.0 {
            // A probability has nothing below 0 to go to: then the winner rises.
            (best, below) = (self.above(0.0)?, 0.0);
        }
        for (class, score) in row.iter_mut().enumerate() {
            if class == winner {
                *score = best;
            } else if *score >= best || *score > below {
                *score = below;
            }
        }
        Some(())
    }

    /// Leaves the winner and the highest of the others; the rest is as low as can be.
    fn cut(&self, row: &mut [f64], winner: usize, k: usize) -> Option<()> {
        let score = |class: usize| row.get(class).copied().unwrap_or(f64::NEG_INFINITY);
        let mut others: Vec<usize> = (0..row.len()).filter(|class| *class != winner).collect();
        others.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        let kept = k.saturating_sub(1).min(others.len());
        let (kept, rest) = others.split_at(kept);
        let least = kept.last().map_or(score(winner), |class| score(*class));
        let lowest = match (self.kind, self.clamp) {
            (OutputKind::Probabilities, _) => 0.0,
            (_, Some(clamp)) if self.shown(clamp.min / self.temperature.unwrap_or(1.0)) < least => {
                self.shown(clamp.min / self.temperature.unwrap_or(1.0))
            }
            _ => self.below(least)?,
        };
        let rest = rest.to_vec();
        for class in rest {
            if let Some(score) = row.get_mut(class) {
                *score = lowest;
            }
        }
        Some(())
    }

    /// A value as it leaves: rounded, and of the output's type.
    fn shown(&self, value: f64) -> f64 {
        let rounded = self.decimals.map_or(value, |decimals| {
            let unit = 10_f64.powi(decimals);
            (value * unit).round_ties_even() / unit
        });
        narrow(self.dtype, rounded)
    }

    /// A value that shows as less than this one.
    fn below(&self, value: f64) -> Option<f64> {
        self.steps().map(|step| self.shown(value - step)).find(|lower| *lower < value && lower.is_finite())
    }

    /// A value that shows as more than this one.
    fn above(&self, value: f64) -> Option<f64> {
        self.steps().map(|step| self.shown(value + step)).find(|higher| *higher > value && higher.is_finite())
    }

    /// Differences to try, each twice the one before.
    fn steps(&self) -> impl Iterator<Item = f64> {
        let first = self.decimals.map_or(1.0e-12, |decimals| 10_f64.powi(-decimals));
        std::iter::successors(Some(first), |step| Some(step * 2.0)).take(MAX_DOUBLINGS)
    }
}
