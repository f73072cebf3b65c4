//! A noised report, and the public summary of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_attestation::UnixMillis;
use strongroom_attestation::claims::BootId;
use strongroom_proto::cbor::{self, Bounds, CborError};
use strongroom_proto::name::Name;
use strongroom_proto::report::{DriftSummary, MAX_REPORT_BYTES, ModelSummary, Summary};

use super::tally::{LATENCY_BINS, LEVELS, OutcomeKind};
use super::{Head, MIN_COUNT, MIN_SCALES};
use crate::drift::Drift;
use crate::laplace::{NoRandom, Random, Scale};
use crate::limits::BINS;

/// Number of the form.
const VERSION: u32 = 1;

/// Shares of requests whose latency the summary states an upper bound of.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// A number that no shorter float holds: its encoding is the longest of all.
const LONG: f64 = 0.1;

const REPORT_CBOR: Bounds = Bounds { max_bytes: MAX_REPORT_BYTES, max_depth: 8, max_items: 2_000_000 };

/// One report: noised counts alone. A count is absent where it was withheld.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Number of the form, 1.
    pub version: u32,
    /// The boot.
    pub boot: BootId,
    /// Number of the report in this boot.
    pub number: u64,
    /// Epoch of the release.
    pub epoch: u64,
    /// From when, by the enclave's clock.
    pub from: UnixMillis,
    /// Until when.
    pub to: UnixMillis,
    /// ε of this report.
    pub epsilon: f64,
    /// Each model of the release.
    pub models: BTreeMap<Name, ModelReport>,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelReport {
    /// Requests that reached it.
    pub requests: Option<u64>,
    /// How they ended, in the order of [`OutcomeKind::ALL`].
    pub outcomes: [Option<u64>; OutcomeKind::ALL.len()],
    /// How long they took; see [`LATENCY_BINS`].
    pub latency: [Option<u64>; LATENCY_BINS],
    /// Reactions, by the level that was reached.
    pub reactions: [Option<u64>; LEVELS],
    /// Rows, where the model has a profile.
    pub rows: Option<RowReport>,
}

/// Rows of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowReport {
    /// How many.
    pub rows: Option<u64>,
    /// By the class that the model chose.
    pub classes: Vec<Option<u64>>,
    /// By feature.
    pub features: Vec<FeatureReport>,
}

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureReport {
    /// Rows in each bin of the profile.
    pub bins: [Option<u64>; BINS],
    /// How far it is from the profile; absent where there were too few rows to say.
    pub drift: Option<Drift>,
}

/// Adds noise of one scale.
pub(super) struct Noise<'r, 'f> {
    scale: Scale,
    random: &'r mut Random<'f>,
}

impl<'r, 'f> Noise<'r, 'f> {
    pub(super) fn new(scale: Scale, random: &'r mut Random<'f>) -> Self {
        Self { scale, random }
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale.as_f64()
    }

    pub(super) fn counts<const N: usize>(&mut self, counts: &[u64; N]) -> Result<[i64; N], NoRandom> {
        let mut noised = [0; N];
        for (noised, count) in noised.iter_mut().zip(counts) {
            *noised = self.count(*count)?;
        }
        Ok(noised)
    }

    pub(super) fn counts_of(&mut self, counts: &[u64]) -> Result<Vec<i64>, NoRandom> {
        counts.iter().map(|count| self.count(*count)).collect()
    }

    fn count(&mut self, count: u64) -> Result<i64, NoRandom> {
        let noise = self.scale.sample(self.random)?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX).saturating_add(noise))
    }

    pub(super) fn told<const N: usize>(&self, noised: &[i64; N]) -> [Option<u64>; N] {
        noised.map(|count| self.tell(count))
    }

    pub(super) fn told_of(&self, noised: &[i64]) -> Vec<Option<u64>> {
        noised.iter().map(|count| self.tell(*count)).collect()
    }

    /// The sum, from counts that were not cut at 0, so that their noise evens out.
    pub(super) fn sum(&self, noised: &[i64]) -> Option<u64> {
        self.tell(noised.iter().fold(0, |sum, count| sum.saturating_add(*count)))
    }

    fn tell(&self, noised: i64) -> Option<u64> {
        let count = u64::try_from(noised).unwrap_or(0);
        (count >= MIN_COUNT && number(count) >= MIN_SCALES * self.scale()).then_some(count)
    }
}

impl Report {
    pub(super) fn new(head: Head, epsilon: f64, models: BTreeMap<Name, ModelReport>) -> Self {
        let Head { boot, number, epoch, from, to } = head;
        Self { version: VERSION, boot, number, epoch, from, to, epsilon, models }
    }

    /// Reads a report.
    ///
    /// # Errors
    /// Any [`CborError`]; [`CborError::Shape`] for one of another form.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let report: Self = cbor::decode(bytes, REPORT_CBOR)?;
        if report.version == VERSION { Ok(report) } else { Err(CborError::Shape) }
    }

    /// Writes a report.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }

    /// What everybody may know, from the noised counts alone.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            number: self.number,
            epoch: self.epoch,
            from_ms: self.from.as_millis(),
            to_ms: self.to.as_millis(),
            epsilon: self.epsilon,
            models: self.models.iter().map(|(name, model)| (name.clone(), model.summary())).collect(),
        }
    }
}

impl ModelReport {
    /// Requests that ended so.
    #[must_use]
    pub fn outcome(&self, kind: OutcomeKind) -> Option<u64> {
        self.outcomes.get(kind as usize).copied().flatten()
    }

    /// Share of requests that were refused for whatever reason but the model's failure.
    #[must_use]
    pub fn refused(&self) -> Option<f64> {
        let refused = |kind: &OutcomeKind| !matches!(kind, OutcomeKind::Answered | OutcomeKind::Failed);
        let kinds = OutcomeKind::ALL.into_iter().filter(refused);
        self.share(total(kinds.filter_map(|kind| self.outcome(kind))))
    }

    /// Share of requests on which the model failed.
    #[must_use]
    pub fn failed(&self) -> Option<f64> {
        self.share(self.outcome(OutcomeKind::Failed).unwrap_or(0))
    }

    fn share(&self, part: u64) -> Option<f64> {
        self.requests.map(|all| (number(part) / number(all)).min(1.0))
    }

    /// Microseconds within which this share of requests ended, rounded up to a power of two; none where some of them took
    /// longer than the last bucket tells.
    #[must_use]
    pub fn latency_micros(&self, share: f64) -> Option<u64> {
        let all = total(self.latency.iter().flatten().copied());
        let mut so_far = 0.0;
        let bucket = self.latency.iter().position(|count| {
            so_far += number(count.unwrap_or(0));
            so_far > 0.0 && so_far >= share * number(all)
        });
        bucket.filter(|bucket| bucket + 1 < self.latency.len()).map(|bucket| 1 << bucket)
    }

    fn summary(&self) -> ModelSummary {
        let rows = self.rows.as_ref();
        ModelSummary {
            requests: self.requests,
            refused: self.refused(),
            failed: self.failed(),
            latency_us: QUANTILES.map(|share| self.latency_micros(share)),
            rows: rows.and_then(|rows| rows.rows),
            classes: rows.map(RowReport::class_shares).unwrap_or_default(),
            drift: rows.and_then(RowReport::drift),
        }
    }
}

impl RowReport {
    /// Share of each class among the classes that are told.
    #[must_use]
    pub fn class_shares(&self) -> Vec<Option<f64>> {
        let all = total(self.classes.iter().flatten().copied());
        self.classes.iter().map(|count| count.map(|count| number(count) / number(all))).collect()
    }

    /// The worst of its features. Absent where there were too few rows to say.
    #[must_use]
    pub fn drift(&self) -> Option<DriftSummary> {
        let judged = || self.features.iter().filter_map(|feature| feature.drift.as_ref());
        let worst = |part: fn(&Drift) -> f64| judged().max_by(|one, other| part(one).total_cmp(&part(other)));
        let psi = worst(|drift| drift.psi / drift.psi_threshold)?;
        let ks = worst(|drift| drift.ks / drift.ks_threshold)?;
        Some(DriftSummary {
            features: judged().count() as u64,
            drifted: judged().filter(|drift| drift.is_drift()).count() as u64,
            psi: psi.psi,
            psi_threshold: psi.psi_threshold,
            ks: ks.ks,
            ks_threshold: ks.ks_threshold,
        })
    }
}

/// The report whose encoding is the longest of all with these classes and features.
pub(super) fn ceiling(models: BTreeMap<Name, Option<(usize, usize)>>) -> Report {
    let most = Some(u64::MAX);
    let time = UnixMillis::new(u64::MAX);
    let drift = Drift { psi: LONG, psi_threshold: LONG, ks: LONG, ks_threshold: LONG };
    let feature = FeatureReport { bins: [most; BINS], drift: Some(drift) };
    let model = |shape: Option<(usize, usize)>| ModelReport {
        requests: most,
        outcomes: [most; OutcomeKind::ALL.len()],
        latency: [most; LATENCY_BINS],
        reactions: [most; LEVELS],
        rows: shape.map(|(classes, features)| RowReport {
            rows: most,
            classes: vec![most; classes],
            features: vec![feature.clone(); features],
        }),
    };
    let models = models.into_iter().map(|(name, shape)| (name, model(shape))).collect();
    let head = Head { boot: BootId::new([0; 16]), number: u64::MAX, epoch: u64::MAX, from: time, to: time };
    Report::new(head, LONG, models)
}

/// The summary whose encoding is the longest of all of such reports.
pub(super) fn ceiling_summary(largest: &Report) -> Summary {
    let mut summary = largest.summary();
    for model in summary.models.values_mut() {
        (model.refused, model.failed) = (Some(LONG), Some(LONG));
        model.latency_us = [Some(u64::MAX); QUANTILES.len()];
        model.classes.fill(Some(LONG));
        if let Some(drift) = &mut model.drift {
            (drift.features, drift.drifted) = (u64::MAX, u64::MAX);
        }
    }
    summary
}

fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

#[expect(clippy::cast_precision_loss, reason = "shares need no more than an f64 holds")]
fn number(count: u64) -> f64 {
    count as f64
}
