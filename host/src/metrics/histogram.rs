//! A latency histogram of fixed buckets.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in milliseconds; the last, without bound, is not listed.
const BOUNDS_MS: [u64; 14] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000];

/// Counts durations.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS_MS.len()],
    beyond: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let fits = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        let bucket = fits.and_then(|at| self.buckets.get(at)).unwrap_or(&self.beyond);
        bucket.fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Writes the Prometheus lines, bounds in seconds and counts cumulative.
    pub(crate) fn render(&self, out: &mut String, name: &str, route: &str) -> fmt::Result {
        let mut total = 0;
        for (bound, bucket) in BOUNDS_MS.iter().zip(&self.buckets) {
            total += bucket.load(Ordering::Relaxed);
            let seconds = Duration::from_millis(*bound).as_secs_f64();
            writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"{seconds}\"}} {total}")?;
        }
        total += self.beyond.load(Ordering::Relaxed);
        let sum = Duration::from_micros(self.sum_us.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {total}")?;
        writeln!(out, "{name}_sum{{route=\"{route}\"}} {sum}")?;
        writeln!(out, "{name}_count{{route=\"{route}\"}} {total}")
    }
}
