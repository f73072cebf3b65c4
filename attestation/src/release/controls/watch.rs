//! What detectors may do to answers, and what leaves the enclave about its use. That they are there is public;
//! their thresholds stand in the private part.

use serde::{Deserialize, Serialize};

/// How the use of a model is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// What happens to rows that are unlike the data the model was made from.
    #[serde(default)]
    pub unlike: Unlike,
    /// Whether answers to a key grow coarser, down to none for a time, when what it asks looks like copying.
    #[serde(default)]
    pub reacts: bool,
    /// Share of inputs that get another class than the model's on purpose, so that a copy can be told: a watermark
    /// (DAWN: Szyller, Atli, Marchal, Asokan, 2021).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flips: Option<f64>,
}

/// What happens to a row that is unlike the data a model was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlike {
    /// It is answered as any other.
    #[default]
    Answered,
    /// The request is refused, and told which rows.
    Refused,
    /// It is answered with another class than the model's, on purpose.
    Misinformed,
}

/// Aggregates that leave the enclave on a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Bound on what a day of reports tells of any one row in each of them: the ε of differential privacy.
    pub epsilon_per_day: f64,
    /// Milliseconds from one report to the next.
    pub period_ms: u64,
}

/// Largest share of inputs that may be answered wrong on purpose.
const MAX_FLIPS: f64 = 0.05;

/// Largest ε a day. Beyond it, noise hides nothing.
const MAX_EPSILON: f64 = 100.0;

const DAY_MS: u64 = 24 * 3600 * 1000;

impl Watch {
    /// Whether any answer can be another for it.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.unlike != Unlike::Answered || self.reacts || self.flips.is_some()
    }

    /// Whether any answer can be wrong on purpose.
    #[must_use]
    pub fn alters(&self) -> bool {
        self.unlike == Unlike::Misinformed || self.flips.is_some()
    }

    pub(super) fn is_possible(&self) -> bool {
        self.flips.is_none_or(|share| share > 0.0 && share <= MAX_FLIPS)
    }
}

impl Telemetry {
    /// The ε of one report.
    #[must_use]
    pub fn epsilon_per_report(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a number of reports a day")]
        let reports = DAY_MS.div_ceil(self.period_ms.max(1)) as f64;
        self.epsilon_per_day / reports
    }

    pub(super) fn is_possible(&self) -> bool {
        (1000..=DAY_MS).contains(&self.period_ms)
            && self.epsilon_per_day > 0.0
            && self.epsilon_per_day <= MAX_EPSILON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epsilon_of_a_day_is_shared_by_its_reports() {
        let telemetry = Telemetry { epsilon_per_day: 4.0, period_ms: 6 * 3600 * 1000 };
        assert!((telemetry.epsilon_per_report() - 1.0).abs() < 1e-12);
        assert!(telemetry.is_possible());
        assert!(!Telemetry { period_ms: 999, ..telemetry }.is_possible());
        assert!(!Telemetry { epsilon_per_day: 0.0, ..telemetry }.is_possible());
        assert!(!Telemetry { epsilon_per_day: f64::NAN, ..telemetry }.is_possible());
    }

    #[test]
    fn a_watermark_flips_few() {
        let watch = |flips| Watch { flips: Some(flips), ..Watch::default() };
        assert!(watch(0.005).is_possible());
        for share in [0.0, -1.0, 0.06, f64::NAN] {
            assert!(!watch(share).is_possible(), "{share}");
        }
    }
}
