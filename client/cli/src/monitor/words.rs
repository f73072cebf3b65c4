//! Reports as text.

use strongroom_monitor::drift::Drift;
use strongroom_monitor::telemetry::{FeatureReport, ModelReport, OutcomeKind, Report, RowReport};
use strongroom_proto::name::Name;

use crate::words::{boot_words, utc};

/// Classes that are listed.
const LISTED_CLASSES: usize = 16;

/// Characters of a full bar.
const BAR: usize = 20;

/// Eighths of a character's height.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Every report of these models; of the last one of each, every feature.
pub(crate) fn words(reports: &[Report], models: &[Name]) -> String {
    let mut text = String::new();
    for name in models {
        let told: Vec<_> =
            reports.iter().filter_map(|report| Some((report, report.models.get(name)?))).collect();
        text += &format!("model {name}\n");
        for (at, (report, model)) in told.iter().enumerate() {
            text += &head(report);
            text += &requests(model);
            if let Some(rows) = &model.rows {
                text += &row_words(rows, at + 1 == told.len());
            }
        }
        text += &over_time(told.iter().map(|(_, model)| *model));
        text.push('\n');
    }
    text
}

fn head(report: &Report) -> String {
    let boot: String = boot_words(report.boot).chars().take(8).collect();
    let seconds = report.to.as_millis().saturating_sub(report.from.as_millis()) / 1000;
    format!(
        "{}  report {} of boot {boot}, epoch {}, {seconds} s, epsilon {:.4}\n",
        utc(report.to),
        report.number,
        report.epoch,
        report.epsilon
    )
}

fn requests(model: &ModelReport) -> String {
    let Some(all) = model.requests else { return "  requests   too few to tell\n".to_owned() };
    let refused = |kind: &OutcomeKind| *kind != OutcomeKind::Answered;
    let kinds = OutcomeKind::ALL.into_iter().filter(refused);
    let kinds: String =
        kinds.filter_map(|kind| Some(format!(", {} {}", of(kind), model.outcome(kind)?))).collect();
    let within = |share| model.latency_micros(share).map_or("?".to_owned(), millis);
    format!(
        "  requests   {all}{kinds}; refused {}, failed {}\n  latency    half within {}, 90 % within {}, 99 % within {}\n",
        percent(model.refused()),
        percent(model.failed()),
        within(0.5),
        within(0.9),
        within(0.99)
    )
}

const fn of(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Answered => "answered",
        OutcomeKind::Content => "unfit content",
        OutcomeKind::Limit => "over a limit",
        OutcomeKind::OutOfDistribution => "out of distribution",
        OutcomeKind::Suspended => "suspended",
        OutcomeKind::Failed => "failed",
        OutcomeKind::Other => "refused otherwise",
    }
}

fn row_words(rows: &RowReport, every_feature: bool) -> String {
    let Some(all) = rows.rows else { return "  rows       too few to tell\n".to_owned() };
    let classes = rows.class_shares();
    let listed = classes.iter().enumerate().take(LISTED_CLASSES);
    let listed: String = listed.map(|(class, share)| format!("  {class}: {}", percent(*share))).collect();
    let verdict = match rows.drift() {
        None => "too few rows to say".to_owned(),
        Some(drift) if drift.drifted == 0 => format!("none in {} features", drift.features),
        Some(drift) => format!("{} of {} features", drift.drifted, drift.features),
    };
    let features = rows.features.iter().enumerate();
    let wanted = |feature: &FeatureReport| every_feature || feature.drift.is_some_and(|d| d.is_drift());
    let features: String = features
        .filter(|(_, feature)| wanted(feature))
        .filter_map(|(at, feature)| Some(feature_words(at, feature, feature.drift?)))
        .collect();
    format!("  rows       {all}, by class{listed}\n  drift      {verdict}\n{features}")
}

fn feature_words(at: usize, feature: &FeatureReport, drift: Drift) -> String {
    let counts: Vec<f64> = feature.bins.iter().map(|count| number(count.unwrap_or(0))).collect();
    format!(
        "    feature {at:<4} PSI {:.4} of {:.4}  KS {:.4} of {:.4}  {:<BAR$}  {}  {}\n",
        drift.psi,
        drift.psi_threshold,
        drift.ks,
        drift.ks_threshold,
        bar(drift.severity()),
        spark(&counts),
        if drift.is_drift() { "DRIFT" } else { "as before" }
    )
}

/// A full bar is the threshold or more.
fn bar(share: f64) -> String {
    let full = share.clamp(0.0, 1.0) * number(BAR as u64);
    (1..=BAR).take_while(|step| number(*step as u64) <= full).map(|_| '#').collect()
}

/// One character a value, the largest the highest.
fn spark(values: &[f64]) -> String {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let height = |value: &f64| {
        let reached =
            HEIGHTS.iter().enumerate().rev().find(|(at, _)| *value * 8.0 >= largest * number(*at as u64));
        reached.map_or(' ', |(_, height)| *height)
    };
    if largest > 0.0 { values.iter().map(height).collect() } else { " ".repeat(values.len()) }
}

fn over_time<'a>(models: impl Iterator<Item = &'a ModelReport> + Clone) -> String {
    let rows =
        models.clone().map(|model| number(model.rows.as_ref().and_then(|rows| rows.rows).unwrap_or(0)));
    let drift = models.filter_map(|model| model.rows.as_ref()?.drift());
    let drift: Vec<f64> = drift.map(|drift| drift.psi / drift.psi_threshold).collect();
    let rows: Vec<f64> = rows.collect();
    let worst = drift.iter().copied().fold(0.0, f64::max);
    let mut text = format!("over time    rows           {}\n", spark(&rows));
    if !drift.is_empty() {
        text += &format!("             PSI/threshold  {} (at most {worst:.2})\n", spark(&drift));
    }
    text
}

fn percent(share: Option<f64>) -> String {
    share.map_or("?".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn millis(micros: u64) -> String {
    format!("{:.2} ms", number(micros) / 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
