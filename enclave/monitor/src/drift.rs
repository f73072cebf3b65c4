//! Whether rows are still distributed as those that a model was made from, told from noised counts per bin.
//!
//! Two statistics a feature. The population stability index sums (p − q) ln(p / q) over bins, p the share now and q
//! that of the profile; the Kolmogorov–Smirnov distance is the largest difference of their cumulative shares. What
//! chance alone explains depends on how many rows there are on both sides, N and M, and on the noise:
//!
//! * PSI ≈ Σ (p − q)²/q, which without drift is (1/N + 1/M)·χ² with one degree less than there are bins. The folk
//!   threshold .1 is exceeded by chance alone about every third time at N = 100. Few rows a bin make the tail of
//!   ln(p/q) heavier than that of χ²: the threshold grows by the factor 1 + χ²/N.
//! * KS: by Dvoretzky–Kiefer–Wolfowitz and Massart, √(−ln(δ/2)/2·(1/N + 1/M)). Bins only make the distance smaller.
//! * Noise n of scale b on every bin adds Σ n²/(N² q) ≤ |n|²/(N² min q) to PSI. Laplace tails are heavier than χ²:
//!   |n|² of B bins exceeds b²·(3B + ln²(B/δ)) with chance δ at most (one bin far out, the others ordinary). Square
//!   roots of the two parts add (triangle inequality).
//! * Noise moves the cumulative share at an edge by Σ a n/N, where a is 1 − Q below the edge and −Q above it. By
//!   Chernoff, |Σ a n| exceeds b/τ·(ln(2(B − 1)/δ) − Σ ln(1 − τ²a²)) at some edge with chance δ, for any τ < 1.
//!
//! δ is shared: between features (Bonferroni), the two statistics, and chance and noise. Bins of the profile with
//! less than [`MIN_SHARE`] of its rows are counted together with a neighbour, or one row there would be drift; a bin
//! between two equal edges holds nothing and is left out. Rows that move to where there were none, KS sees; a feature
//! whose rows were all in one bin gets no verdict.

pub mod chi_square;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::limits::BINS;

/// Share of the profile's rows that bins are put together to, so that an expected count is not next to nothing.
pub const MIN_SHARE: f64 = 0.02;

/// Chance that any feature of a model without drift is named in one report.
pub const FALSE_ALARM: f64 = 0.01;

/// Rows below which nothing is said.
pub const MIN_ROWS: f64 = 50.0;

/// Deviations of its own noise that a number of rows has to exceed, or nothing is said.
const MIN_DEVIATIONS: f64 = 4.0;

/// The bin of a value: how many edges are below it.
#[must_use]
pub fn bin(edges: &[f32], value: f32) -> usize {
    edges.partition_point(|edge| *edge < value)
}

/// What is expected of one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Each bin's place in `shares`; absent for a bin that can hold nothing.
    places: [Option<usize>; BINS],
    shares: Vec<f64>,
    rows: f64,
}

/// Under what counts are judged.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Chance of a false alarm of one feature.
    pub chance: f64,
    /// Scale of the noise on every count; 0 for none.
    pub noise: f64,
}

/// How far one feature is from the profile, and how far it may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Population stability index.
    pub psi: f64,
    /// Its threshold.
    pub psi_threshold: f64,
    /// Kolmogorov–Smirnov distance.
    pub ks: f64,
    /// Its threshold.
    pub ks_threshold: f64,
}

impl Test {
    /// The test of each of `features`, so that all of them together have [`FALSE_ALARM`].
    #[must_use]
    pub fn of(features: usize, noise: f64) -> Self {
        Self { chance: FALSE_ALARM / count(features.max(1)), noise }
    }
}

impl Drift {
    /// Whether chance does not explain it.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        self.psi > self.psi_threshold || self.ks > self.ks_threshold
    }

    /// By what part of its threshold PSI is reached.
    #[must_use]
    pub fn severity(&self) -> f64 {
        (self.psi / self.psi_threshold).max(self.ks / self.ks_threshold)
    }
}

impl Expected {
    /// Takes edges and shares of a profile made from `rows`.
    #[must_use]
    pub fn new(edges: &[f32], shares: &[f32], rows: u64) -> Self {
        let mut places = [None; BINS];
        let mut merged: Vec<f64> = vec![0.0];
        for (at, (place, share)) in places.iter_mut().zip(shares).enumerate() {
            let edge = |at: usize| edges.get(at);
            let between = at.checked_sub(1).and_then(edge).zip(edge(at));
            if between.is_some_and(|(low, high)| low >= high) {
                continue;
            }
            if merged.last().is_some_and(|last| *last >= MIN_SHARE) {
                merged.push(0.0);
            }
            *place = Some(merged.len() - 1);
            if let Some(last) = merged.last_mut() {
                *last += f64::from(*share);
            }
        }
        Self { places: last_together(places, &mut merged), shares: normal(merged), rows: whole(rows) }
    }

    fn merged(&self, counts: &[i64; BINS]) -> Vec<f64> {
        let mut merged = vec![0.0; self.shares.len()];
        for (place, counted) in self.places.iter().zip(counts) {
            if let Some(cell) = place.and_then(|place| merged.get_mut(place)) {
                *cell += signed(*counted);
            }
        }
        merged
    }

    /// Judges noised counts, negative ones as they came. [`None`] where there are too few rows to say anything.
    #[must_use]
    pub fn judge(&self, counts: &[i64; BINS], test: Test) -> Option<Drift> {
        let counts = self.merged(counts);
        let rows: f64 = counts.iter().sum();
        // Two bins that were put together have the noise of both.
        let noised = count(self.places.iter().flatten().count());
        let deviation = test.noise * (2.0 * noised).sqrt();
        if self.shares.len() < 2 || rows < MIN_ROWS || rows < MIN_DEVIATIONS * deviation {
            return None;
        }
        let psi_threshold = self.psi_threshold(rows, noised, test);
        let ks_threshold = self.ks_threshold(rows, test);
        Some(Drift {
            psi: self.psi(&counts, rows, test),
            psi_threshold,
            ks: self.ks(&counts, rows),
            ks_threshold,
        })
    }

    /// PSI of shares that are kept from 0 by the same on both sides: half a row, or the deviation of the noise.
    fn psi(&self, counts: &[f64], rows: f64, test: Test) -> f64 {
        let extra = (test.noise * std::f64::consts::SQRT_2).max(0.5);
        let all = rows + extra * count(self.shares.len());
        let term = |(counted, share): (&f64, &f64)| {
            let now = (counted.max(0.0) + extra) / all;
            let then = (share * rows + extra) / all;
            (now - then) * (now / then).ln()
        };
        counts.iter().zip(&self.shares).map(term).sum()
    }

    fn ks(&self, counts: &[f64], rows: f64) -> f64 {
        let (mut difference, mut largest) = (0.0_f64, 0.0_f64);
        for (counted, share) in counts.iter().zip(&self.shares) {
            difference += counted / rows - share;
            largest = largest.max(difference.abs());
        }
        largest
    }

    fn psi_threshold(&self, rows: f64, noised: f64, test: Test) -> f64 {
        // Half for each statistic, and of that half for noise where there is some.
        let chance = test.chance / if test.noise > 0.0 { 4.0 } else { 2.0 };
        let degrees = u32::try_from(self.shares.len() - 1).unwrap_or(u32::MAX);
        let chi_square = chi_square::quantile(degrees, chance);
        let sampled = (1.0 / rows + 1.0 / self.rows) * chi_square * (1.0 + chi_square / rows);
        let smallest = self.shares.iter().copied().fold(1.0, f64::min).max(MIN_SHARE);
        let length = 3.0 * noised + (noised / chance).ln().powi(2);
        let noise = (test.noise / rows).powi(2) * length / smallest;
        (sampled.sqrt() + noise.sqrt()).powi(2)
    }

    fn ks_threshold(&self, rows: f64, test: Test) -> f64 {
        let chance = test.chance / if test.noise > 0.0 { 4.0 } else { 2.0 };
        let sampled = (-(chance / 2.0).ln() / 2.0 * (1.0 / rows + 1.0 / self.rows)).sqrt();
        sampled + test.noise / rows * self.ks_noise(chance)
    }

    /// How far noise of scale 1 moves the worst cumulative count.
    fn ks_noise(&self, chance: f64) -> f64 {
        let edges = count(self.shares.len() - 1);
        let mut below = 0.0;
        let mut largest: f64 = 0.0;
        for (edge, share) in self.shares.iter().enumerate().take(self.shares.len() - 1) {
            below += share;
            let weights: Vec<f64> = self
                .places
                .iter()
                .flatten()
                .map(|place| if *place <= edge { 1.0 - below } else { below })
                .collect();
            let bound = |tau: f64| {
                let spread: f64 = weights.iter().map(|weight| -(1.0 - (tau * weight).powi(2)).ln()).sum();
                ((2.0 * edges / chance).ln() + spread) / tau
            };
            let best = (1..20).map(|step| bound(f64::from(step) / 20.0)).fold(f64::INFINITY, f64::min);
            largest = largest.max(best);
        }
        largest
    }
}

/// Puts the last group together with the one before it, where it is too small.
fn last_together(mut places: [Option<usize>; BINS], merged: &mut Vec<f64>) -> [Option<usize>; BINS] {
    if merged.len() > 1
        && merged.last().is_some_and(|last| *last < MIN_SHARE)
        && let Some(rest) = merged.pop()
        && let Some(last) = merged.last_mut()
    {
        *last += rest;
        let gone = merged.len();
        places.iter_mut().flatten().filter(|place| **place == gone).for_each(|place| *place -= 1);
    }
    places
}

fn normal(shares: Vec<f64>) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 { shares.into_iter().map(|share| share / sum).collect() } else { Vec::new() }
}

#[expect(clippy::cast_precision_loss, reason = "a number of bins, features or rows")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn whole(number: u64) -> f64 {
    number.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn signed(number: i64) -> f64 {
    number as f64
}
