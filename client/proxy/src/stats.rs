//! Counts and latencies of what went through, by model. No content.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use strongroom_proto::name::Name;

use crate::limits::{MAX_COUNTED_NAMES, REMEMBERED_LATENCIES};

/// What went through since the proxy started.
#[derive(Default)]
pub struct Stats(Mutex<BTreeMap<Name, ModelStats>>);

/// What one model, or route, was asked.
#[derive(Clone, Debug, Default)]
pub struct ModelStats {
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
    latencies: VecDeque<Duration>,
}

impl Stats {
    /// Counts a request.
    pub(crate) fn count(&self, asked: &Name, answered: bool, took: Duration) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if models.len() < MAX_COUNTED_NAMES || models.contains_key(asked) {
            models.entry(asked.clone()).or_default().count(answered, took);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Name, ModelStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ModelStats {
    fn count(&mut self, answered: bool, took: Duration) {
        let counter = if answered { &mut self.answered } else { &mut self.failed };
        *counter += 1;
        if answered {
            if self.latencies.len() == REMEMBERED_LATENCIES {
                self.latencies.pop_front();
            }
            self.latencies.push_back(took);
        }
    }

    /// The latency that this share of the remembered answers did not exceed; none before the first.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a position in a list of at most 1024"
        )]
        let position = (share.clamp(0.0, 1.0) * last as f64).round() as usize;
        sorted.get(position).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_failures_are_counted_and_latencies_forgotten_in_time() {
        let stats = Stats::default();
        let fraud: Name = "fraud".parse().unwrap();
        for millis in 0..2000 {
            stats.count(&fraud, true, Duration::from_millis(millis));
        }
        stats.count(&fraud, false, Duration::from_secs(9));
        let all = stats.all();
        let own = &all[&fraud];
        assert_eq!((own.answered, own.failed), (2000, 1));
        assert_eq!(own.quantile(0.0), Some(Duration::from_millis(976)));
        assert_eq!(own.quantile(1.0), Some(Duration::from_millis(1999)));
        assert_eq!(ModelStats::default().quantile(0.5), None);
    }

    #[test]
    fn names_are_bounded_and_those_that_are_there_go_on_counting() {
        let stats = Stats::default();
        let name = |number: usize| format!("m{number}").parse::<Name>().unwrap();
        (0..=MAX_COUNTED_NAMES).for_each(|number| stats.count(&name(number), false, Duration::ZERO));
        stats.count(&name(0), false, Duration::ZERO);
        let all = stats.all();
        assert_eq!((all.len(), all[&name(0)].failed), (MAX_COUNTED_NAMES, 2));
    }
}
