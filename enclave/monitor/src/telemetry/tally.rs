//! Counts as they are collected, before any noise. They never leave this module but to be noised.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strongroom_seal::message::{Outcome, Refusal};

use crate::drift::bin;
use crate::limits::BINS;
use crate::{Level, Rows};

/// Buckets of latency: bucket k holds what took less than 2ᵏ microseconds and not less than half of that, the last
/// one everything longer.
pub const LATENCY_BINS: usize = 26;

/// Steps of the ladder that reactions are counted by.
pub const LEVELS: usize = 4;

/// How a request ended, without anything of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Answered.
    Answered,
    /// Its content, or the size of its answer, does not fit the model.
    Content,
    /// A rate, quota or budget is used up.
    Limit,
    /// Rows are unlike the data of the model.
    OutOfDistribution,
    /// The key is not served for a time.
    Suspended,
    /// The model failed.
    Failed,
    /// Any other refusal.
    Other,
}

impl OutcomeKind {
    /// Every kind, in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Answered,
        Self::Content,
        Self::Limit,
        Self::OutOfDistribution,
        Self::Suspended,
        Self::Failed,
        Self::Other,
    ];

    /// The kind of an outcome.
    #[must_use]
    pub const fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::Refused(refusal) => Self::of_refusal(refusal),
            _ => Self::Answered,
        }
    }

    /// The kind of a refusal.
    #[must_use]
    pub const fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Malformed | Refusal::Input(_) | Refusal::AnswerSize => Self::Content,
            Refusal::Limit { .. } => Self::Limit,
            Refusal::OutOfDistribution { .. } => Self::OutOfDistribution,
            Refusal::Suspended { .. } => Self::Suspended,
            Refusal::Failed => Self::Failed,
            Refusal::Key
            | Refusal::Model
            | Refusal::InFlight
            | Refusal::Operation
            | Refusal::Frozen { .. } => Self::Other,
        }
    }
}

/// The bucket of a latency.
#[must_use]
pub fn latency_bin(latency: Duration) -> usize {
    let micros = latency.as_micros();
    let bits = (u128::BITS - micros.leading_zeros()) as usize;
    bits.min(LATENCY_BINS - 1)
}

/// Counts of one model. No `Debug`.
pub(super) struct Tally {
    pub(super) outcomes: [u64; OutcomeKind::ALL.len()],
    pub(super) latency: [u64; LATENCY_BINS],
    pub(super) reactions: [u64; LEVELS],
    pub(super) classes: Vec<u64>,
    pub(super) features: Vec<[u64; BINS]>,
}

impl Tally {
    pub(super) fn new(features: usize, classes: usize) -> Self {
        Self {
            outcomes: Default::default(),
            latency: [0; LATENCY_BINS],
            reactions: [0; LEVELS],
            classes: vec![0; classes],
            features: vec![[0; BINS]; features],
        }
    }

    /// Takes the counts and leaves none.
    pub(super) fn take(&mut self) -> Self {
        let empty = Self::new(self.features.len(), self.classes.len());
        std::mem::replace(self, empty)
    }

    pub(super) fn outcome(&mut self, kind: OutcomeKind, latency: Duration) {
        up(self.outcomes.get_mut(kind as usize));
        up(self.latency.get_mut(latency_bin(latency)));
    }

    pub(super) fn reaction(&mut self, level: Level) {
        let at = match level {
            Level::Full => 0,
            Level::Rounded => 1,
            Level::LabelOnly => 2,
            Level::Suspended(_) => 3,
        };
        up(self.reactions.get_mut(at));
    }

    pub(super) fn rows(&mut self, edges: &[Vec<f32>], rows: &Rows) {
        for row in rows.iter() {
            up(self.classes.get_mut(row.class));
            let values = row.features.iter().zip(edges);
            for (bins, (value, edges)) in self.features.iter_mut().zip(values) {
                up(bins.get_mut(bin(edges, *value)));
            }
        }
    }
}

fn up(cell: Option<&mut u64>) {
    if let Some(cell) = cell {
        *cell = cell.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_powers_of_two() {
        let micros = |micros| latency_bin(Duration::from_micros(micros));
        assert_eq!((micros(0), micros(1), micros(2), micros(3), micros(1024)), (0, 1, 2, 2, 11));
        assert_eq!(latency_bin(Duration::MAX), LATENCY_BINS - 1);
    }

    #[test]
    fn kinds_stand_at_their_places() {
        for (at, kind) in OutcomeKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
