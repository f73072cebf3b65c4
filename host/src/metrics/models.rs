//! What the enclave said last of the use of its models: counts with noise on them, so that no one request shows.
//!
//! What it withheld is not written. Gauges, because each report counts anew.

use std::fmt::{self, Write};
use std::sync::PoisonError;

use strongroom_proto::report::{DriftSummary, ModelSummary, Summary};

use super::Metrics;
use super::render::head;

const PREFIX: &str = "strongroom_model";

/// Labels of the latencies of a summary.
const QUANTILES: [&str; 3] = ["0.5", "0.9", "0.99"];

/// One gauge of a model: its name, what it says, and its values, each with a further label or none.
type Gauge = (&'static str, &'static str, fn(&ModelSummary) -> Vec<(String, f64)>);

const GAUGES: [Gauge; 13] = [
    ("requests", "Requests in the report.", |model| one(model.requests.map(number))),
    ("refused_share", "Share of them that was refused.", |model| one(model.refused)),
    ("failed_share", "Share of them on which the model failed.", |model| one(model.failed)),
    ("latency_seconds", "Time within which that share of them ended, rounded up to a power of two.", latency),
    ("rows", "Rows in the report.", |model| one(model.rows.map(number))),
    ("class_share", "Share of the rows by class that the model chose.", classes),
    ("drift", "Whether the rows differ from the profile by more than chance and noise explain.", |model| {
        drift(model, |drift| f64::from(u8::from(drift.drifted > 0)))
    }),
    ("drift_features", "Features that drifted.", |model| drift(model, |drift| number(drift.drifted))),
    ("drift_features_judged", "Features with rows enough to judge.", |model| {
        drift(model, |drift| number(drift.features))
    }),
    ("drift_psi_max", "Population stability index of the worst feature.", |model| {
        drift(model, |drift| drift.psi)
    }),
    ("drift_psi_threshold", "Its threshold.", |model| drift(model, |drift| drift.psi_threshold)),
    ("drift_ks_max", "Kolmogorov-Smirnov distance of the worst feature.", |model| {
        drift(model, |drift| drift.ks)
    }),
    ("drift_ks_threshold", "Its threshold.", |model| drift(model, |drift| drift.ks_threshold)),
];

impl Metrics {
    pub(super) fn write_models(&self, out: &mut String) -> fmt::Result {
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.as_ref().map_or(Ok(()), |summary| write(out, summary))
    }
}

fn write(out: &mut String, summary: &Summary) -> fmt::Result {
    let seconds = |millis: u64| number(millis) / 1000.0;
    let whole = [
        ("report_number", "Number of the last report in its boot.", number(summary.number)),
        ("report_time_seconds", "Until when it counts, since 1970.", seconds(summary.to_ms)),
        (
            "report_period_seconds",
            "How long it counts.",
            seconds(summary.to_ms.saturating_sub(summary.from_ms)),
        ),
        ("report_epsilon", "Differential privacy of it.", summary.epsilon),
    ];
    for (name, help, value) in whole {
        let name = format!("{PREFIX}_{name}");
        head(out, &name, "gauge", help)?;
        writeln!(out, "{name} {value}")?;
    }
    for (name, help, values) in GAUGES {
        let name = format!("{PREFIX}_{name}");
        head(out, &name, "gauge", help)?;
        for (model, said) in &summary.models {
            for (label, value) in values(said) {
                writeln!(out, "{name}{{model=\"{model}\"{label}}} {value}")?;
            }
        }
    }
    Ok(())
}

fn one(value: Option<f64>) -> Vec<(String, f64)> {
    value.map(|value| (String::new(), value)).into_iter().collect()
}

fn latency(model: &ModelSummary) -> Vec<(String, f64)> {
    let told = QUANTILES.iter().zip(model.latency_us);
    told.filter_map(|(quantile, us)| Some((format!(",quantile=\"{quantile}\""), number(us?) / 1e6))).collect()
}

fn classes(model: &ModelSummary) -> Vec<(String, f64)> {
    let told = model.classes.iter().enumerate();
    told.filter_map(|(class, share)| Some((format!(",class=\"{class}\""), (*share)?))).collect()
}

fn drift(model: &ModelSummary, value: fn(&DriftSummary) -> f64) -> Vec<(String, f64)> {
    one(model.drift.as_ref().map(value))
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus holds every value as an f64")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_is_shown_and_what_is_withheld_is_not() {
        let metrics = Metrics::default();
        let mut out = String::new();
        metrics.write_models(&mut out).unwrap();
        assert_eq!(out, "", "nothing before the first");
        let drift = DriftSummary {
            features: 30,
            drifted: 2,
            psi: 0.5,
            psi_threshold: 0.2,
            ks: 0.1,
            ks_threshold: 0.3,
        };
        let model = ModelSummary {
            requests: Some(40),
            latency_us: [Some(512), None, Some(2048)],
            classes: vec![Some(0.75), None],
            drift: Some(drift),
            ..ModelSummary::default()
        };
        let models = [("fraud".parse().unwrap(), model)].into();
        metrics.reported(Summary { number: 3, from_ms: 1000, to_ms: 3000, models, ..Summary::default() });
        metrics.write_models(&mut out).unwrap();
        for expected in [
            "strongroom_model_report_period_seconds 2",
            "strongroom_model_requests{model=\"fraud\"} 40",
            "strongroom_model_latency_seconds{model=\"fraud\",quantile=\"0.5\"} 0.000512",
            "strongroom_model_class_share{model=\"fraud\",class=\"0\"} 0.75",
            "strongroom_model_drift{model=\"fraud\"} 1",
            "strongroom_model_drift_psi_max{model=\"fraud\"} 0.5",
        ] {
            assert!(out.lines().any(|line| line == expected), "{expected}\n{out}");
        }
        assert!(!out.contains("class=\"1\"") && !out.contains("rows{"), "{out}");
    }
}
