//! Latencies in an HDR histogram, and the figures that are given of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::BenchError;
use crate::limits::{LATENCY_DIGITS, MAX_LATENCY};

/// Latencies of one run.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// What is told of latencies, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many there were.
    pub count: u64,
    /// Their mean.
    pub mean_us: f64,
    /// The least.
    pub min_us: f64,
    /// Half are not above it.
    pub p50_us: f64,
    /// So for 90 %.
    pub p90_us: f64,
    /// So for 99 %.
    pub p99_us: f64,
    /// So for 99.9 %.
    pub p999_us: f64,
    /// The largest.
    pub max_us: f64,
}

impl Latencies {
    /// No latencies yet.
    ///
    /// # Errors
    /// [`BenchError::Argument`] never: the bounds are constants that fit.
    pub fn new() -> Result<Self, BenchError> {
        let bounds = Histogram::new_with_bounds(1, nanos(MAX_LATENCY), LATENCY_DIGITS);
        bounds.map(Self).map_err(|error| BenchError::Argument(error.to_string()))
    }

    /// Adds one. What is longer than [`MAX_LATENCY`] counts as that.
    pub fn add(&mut self, latency: Duration) {
        self.0.saturating_record(nanos(latency));
    }

    /// Adds those of another histogram.
    ///
    /// # Errors
    /// [`BenchError::Argument`] never: all histograms here have the same bounds.
    pub fn merge(&mut self, other: &Self) -> Result<(), BenchError> {
        self.0.add(&other.0).map_err(|error| BenchError::Argument(error.to_string()))
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let at = |share| self.0.value_at_quantile(share) as f64 / 1000.0;
        Summary {
            count: self.0.len(),
            mean_us: self.0.mean() / 1000.0,
            min_us: self.0.min() as f64 / 1000.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.0.max() as f64 / 1000.0,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        (1..=1000).for_each(|micros| latencies.add(Duration::from_micros(micros)));
        let summary = latencies.summary();
        assert_eq!(summary.count, 1000);
        for (found, expected) in [(summary.p50_us, 500.0), (summary.p99_us, 990.0), (summary.max_us, 1000.0)]
        {
            assert!((found / expected - 1.0).abs() < 2e-3, "{found} for {expected}");
        }
    }

    #[test]
    fn merging_adds_and_the_longest_are_kept_as_the_bound() {
        let (mut one, mut other) = (Latencies::new().unwrap(), Latencies::new().unwrap());
        one.add(Duration::from_millis(1));
        other.add(MAX_LATENCY * 2);
        one.merge(&other).unwrap();
        let summary = one.summary();
        assert_eq!(summary.count, 2);
        assert!((summary.max_us / MAX_LATENCY.as_micros() as f64 - 1.0).abs() < 2e-3);
    }
}
