//! Reports on the use of models, as an owner reads them.
//!
//! Everything here is a number with noise on it. What is absent was withheld by the enclave.

mod plot;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json as value};
use strongroom_attestation::audit::AuditPrivateKey;
use strongroom_attestation::report::SealedReport;
use strongroom_monitor::telemetry::{OutcomeKind, Report};
use strongroom_proto::name::Name;

use crate::audit::{SourceError, sealed_reports};
use crate::words::boot_words;

pub(crate) use plot::plot;
pub(crate) use words::words;

/// The reports of a file that one key opens.
pub(crate) struct Opened {
    /// By time.
    pub(crate) reports: Vec<Report>,
    /// How many it does not open.
    pub(crate) closed: usize,
}

impl Opened {
    pub(crate) fn read(path: &Path, key: &AuditPrivateKey) -> Result<Self, SourceError> {
        let (mut reports, mut closed) = (Vec::new(), 0);
        sealed_reports(path, &mut |number, sealed| match open(number, sealed, key) {
            Some(report) => reports.push(report),
            None => closed += 1,
        })?;
        reports.sort_by_key(|report| (report.to, report.number));
        Ok(Self { reports, closed })
    }

    /// The models that were reported on, or the one that is asked for, if it was.
    pub(crate) fn models(&self, wanted: Option<&Name>) -> Vec<Name> {
        let all: BTreeSet<_> = self.reports.iter().flat_map(|report| report.models.keys()).collect();
        all.into_iter().filter(|name| wanted.is_none_or(|wanted| wanted == *name)).cloned().collect()
    }
}

/// A report whose content is of the boot and number that it is sealed under.
fn open(number: u64, sealed: &[u8], key: &AuditPrivateKey) -> Option<Report> {
    let sealed = SealedReport::decode(sealed).ok()?;
    let report = Report::decode(sealed.open(key).ok()?.bytes()).ok()?;
    let same = (report.boot, report.number) == (sealed.id.boot, sealed.id.number);
    (same && number == report.number).then_some(report)
}

/// One report as JSON.
pub(crate) fn json(report: &Report, models: &[Name]) -> Value {
    let told = models.iter().filter_map(|name| Some((name.to_string(), model(report.models.get(name)?))));
    value!({
        "boot": boot_words(report.boot),
        "number": report.number,
        "epoch": report.epoch,
        "from_ms": report.from.as_millis(),
        "to_ms": report.to.as_millis(),
        "epsilon": report.epsilon,
        "models": told.collect::<serde_json::Map<_, _>>(),
    })
}

fn model(model: &strongroom_monitor::telemetry::ModelReport) -> Value {
    let outcome = |kind: OutcomeKind| Some((value!(kind).as_str()?.to_owned(), value!(model.outcome(kind))));
    let drift = model.rows.as_ref().and_then(|rows| rows.drift());
    let drifted = model.rows.as_ref().map(|rows| {
        let drifts = |at: &usize| rows.features.get(*at).and_then(|f| f.drift).is_some_and(|d| d.is_drift());
        (0..rows.features.len()).filter(drifts).collect::<Vec<_>>()
    });
    value!({
        "requests": model.requests,
        "outcomes": OutcomeKind::ALL.into_iter().filter_map(outcome).collect::<serde_json::Map<_, _>>(),
        "latency_log2_us": model.latency,
        "reactions": model.reactions,
        "rows": model.rows,
        "drift": drift,
        "drifted": drifted,
    })
}
