//! What leaves the enclave about the use of its models: noised counts, on a schedule, always of one size.
//!
//! # What is protected
//!
//! A report is ε-differentially private for ε = ε a day / reports a day, in two halves:
//!
//! * **One row.** With or without it, one bin of each of F features and one class differ by one: F + 1 counts. Each
//!   gets discrete Laplace noise of scale (F + 1) / (ε/2).
//! * **One request.** One outcome, one latency and at most one reaction differ by one: 3 counts, noise of scale
//!   3 / (ε/2).
//!
//! Neither half tells of a row or request by more than ε/2, and of a request of one row by more than ε. A row and a
//! request are counted in one report, of one model. Whoever contributes one of each to every report of a day is
//! protected by ε a day.
//!
//! # What is not
//!
//! A request of many rows, or many requests of one person, add up: k of them are protected by k·ε. Which models there
//! are, when reports come and how large they are is public, and depends on none of it. Thresholds of drift depend on
//! the profile, and so do the shapes: the summary says of the profile how many of its features drifted.
//!
//! Clamping at 0, withholding what is small, sums, shares, quantiles and drift come after the noise, and cost nothing.

mod report;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::claims::BootId;
use strongroom_proto::name::Name;
use strongroom_proto::report::MAX_REPORT_BYTES;

use crate::drift::{Expected, Test};
use crate::laplace::{Fill, NoRandom, Random, Scale};
use crate::{Level, Profile, Rows};
use report::{Noise, ceiling, ceiling_summary};
use tally::Tally;

pub use report::{FeatureReport, ModelReport, Report, RowReport};
pub use tally::{LATENCY_BINS, LEVELS, OutcomeKind, latency_bin};

/// Counts below this are withheld, and such as noise alone reaches.
pub const MIN_COUNT: u64 = 10;

/// Scales of the noise below which a count is withheld.
const MIN_SCALES: f64 = 3.0;

/// Counts that one request changes: outcome, latency, reaction.
const REQUEST_SENSITIVITY: u32 = 3;

/// Room in a report beside its models, and for its envelope.
const ENVELOPE_BYTES: usize = 2048;

/// Sizes are rounded up to this, so that they tell less of names and numbers.
const SIZE_STEP_BYTES: usize = 1024;

/// Why a release cannot be reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// No noise is that large.
    #[error("telemetry under an epsilon that no noise gives")]
    Epsilon,
    /// Its models have too many features and classes.
    #[error("telemetry of more features and classes than one report holds")]
    TooLarge,
}

/// Counts of the models of a release. No `Debug`: before noise they are secret.
pub struct Telemetry {
    epsilon: f64,
    models: BTreeMap<Name, Watched>,
    sizes: Sizes,
}

/// Sizes of every report of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the public summary.
    pub summary: usize,
    /// Bytes of the report before it is sealed.
    pub report: usize,
}

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The boot.
    pub boot: BootId,
    /// Number of the report in this boot.
    pub number: u64,
    /// Epoch of the release.
    pub epoch: u64,
    /// From when.
    pub from: UnixMillis,
    /// Until when.
    pub to: UnixMillis,
}

/// One model.
struct Watched {
    rows: Option<WatchedRows>,
    requests: Scale,
    tally: Mutex<Tally>,
}

/// Its rows, where there is a profile.
struct WatchedRows {
    profile: Arc<Profile>,
    expected: Vec<Expected>,
    scale: Scale,
}

impl Telemetry {
    /// Begins to count for the models of a release, those with a profile in detail.
    ///
    /// # Errors
    /// See [`TelemetryError`].
    pub fn new(
        models: impl IntoIterator<Item = (Name, Option<Arc<Profile>>)>,
        epsilon_per_report: f64,
    ) -> Result<Self, TelemetryError> {
        let half = epsilon_per_report / 2.0;
        let watched = |(name, profile)| Some((name, Watched::new(profile, half)?));
        let models: Option<BTreeMap<_, _>> = models.into_iter().map(watched).collect();
        let models = models.ok_or(TelemetryError::Epsilon)?;
        let empty = Sizes { summary: 0, report: 0 };
        let telemetry = Self { epsilon: epsilon_per_report, models, sizes: empty };
        let sizes = telemetry.measure().ok_or(TelemetryError::TooLarge)?;
        Ok(Self { sizes, ..telemetry })
    }

    /// The sizes of every report.
    #[must_use]
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Counts the rows of one request. At most once a request.
    pub fn record_rows(&self, model: &Name, rows: &Rows) {
        let Some(watched) = self.models.get(model) else { return };
        if let Some(known) = &watched.rows {
            watched.tally().rows(&known.profile.edges, rows);
        }
    }

    /// Counts how one request ended and how long it took. At most once a request.
    pub fn record_outcome(&self, model: &Name, kind: OutcomeKind, latency: Duration) {
        if let Some(watched) = self.models.get(model) {
            watched.tally().outcome(kind, latency);
        }
    }

    /// Counts the level at which a request was answered or refused. Once a request.
    pub fn record_reaction(&self, model: &Name, level: Level) {
        if let Some(watched) = self.models.get(model) {
            watched.tally().reaction(level);
        }
    }

    /// Takes what was counted, noised, and begins anew. Where randomness fails, what was counted is lost rather than
    /// told.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn report(&self, head: Head, fill: &mut Fill<'_>) -> Result<Report, NoRandom> {
        let mut source = |bytes: &mut [u8]| fill(bytes);
        let mut random = Random::new(&mut source);
        let mut models = BTreeMap::new();
        for (name, watched) in &self.models {
            models.insert(name.clone(), watched.report(&mut random)?);
        }
        Ok(Report::new(head, self.epsilon, models))
    }

    /// The largest that a report of this release can be.
    fn measure(&self) -> Option<Sizes> {
        let models = self.models.iter().map(|(name, watched)| {
            let shape = watched.rows.as_ref().map(|rows| (rows.profile.classes.len(), rows.expected.len()));
            (name.clone(), shape)
        });
        let largest = ceiling(models.collect());
        let rounded = |bytes: usize| bytes.checked_next_multiple_of(SIZE_STEP_BYTES);
        let summary = rounded(ceiling_summary(&largest).encode().ok()?.len() + size_of::<u32>())?;
        let report = rounded(largest.encode().ok()?.len())?;
        let fits = summary.checked_add(report)?.checked_add(ENVELOPE_BYTES)? <= MAX_REPORT_BYTES;
        fits.then_some(Sizes { summary, report })
    }
}

impl Watched {
    fn new(profile: Option<Arc<Profile>>, half: f64) -> Option<Self> {
        let requests = Scale::for_privacy(REQUEST_SENSITIVITY, half)?;
        let Some(profile) = profile else {
            return Some(Self { rows: None, requests, tally: Mutex::new(Tally::new(0, 0)) });
        };
        let sensitivity = u32::try_from(profile.features).ok()?.checked_add(1)?;
        let scale = Scale::for_privacy(sensitivity, half)?;
        let lists = profile.edges.iter().zip(&profile.shares);
        let expected = lists.map(|(edges, shares)| Expected::new(edges, shares, profile.rows)).collect();
        let tally = Mutex::new(Tally::new(profile.features, profile.classes.len()));
        Some(Self { rows: Some(WatchedRows { profile, expected, scale }), requests, tally })
    }

    /// What a panic left behind is whole enough: counts.
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, random: &mut Random<'_>) -> Result<ModelReport, NoRandom> {
        let tally = self.tally().take();
        let mut requests = Noise::new(self.requests, random);
        let outcomes = requests.counts(&tally.outcomes)?;
        let latency = requests.counts(&tally.latency)?;
        let reactions = requests.counts(&tally.reactions)?;
        let told = ModelReport {
            requests: requests.sum(&outcomes),
            outcomes: requests.told(&outcomes),
            latency: requests.told(&latency),
            reactions: requests.told(&reactions),
            rows: None,
        };
        let Some(known) = &self.rows else { return Ok(told) };
        let mut noise = Noise::new(known.scale, random);
        Ok(ModelReport { rows: Some(known.report(&tally, &mut noise)?), ..told })
    }
}

impl WatchedRows {
    fn report(&self, tally: &Tally, noise: &mut Noise<'_, '_>) -> Result<RowReport, NoRandom> {
        let classes = noise.counts_of(&tally.classes)?;
        let test = Test::of(self.expected.len(), noise.scale());
        let mut features = Vec::with_capacity(self.expected.len());
        for (expected, counted) in self.expected.iter().zip(&tally.features) {
            let bins = noise.counts(counted)?;
            features.push(FeatureReport { drift: expected.judge(&bins, test), bins: noise.told(&bins) });
        }
        Ok(RowReport { rows: noise.sum(&classes), classes: noise.told_of(&classes), features })
    }
}
