use super::*;
use crate::laplace::tests::stream;
use crate::limits::BINS;
use crate::profile::{Class, Space};

const FEATURES: usize = 3;

fn profile() -> Arc<Profile> {
    let class = |share| Class {
        share,
        mean: vec![0.0; FEATURES],
        distances: vec![],
        margins: vec![],
        threshold: None,
    };
    let edges: Vec<f32> = (1..BINS).map(|edge| edge as f32).collect();
    Arc::new(Profile {
        rows: 10_000,
        space: Space::Input("X".into()),
        features: FEATURES,
        decision: None,
        classes: vec![class(0.5), class(0.5)],
        centre: vec![0.0; FEATURES],
        scale: vec![1.0; FEATURES],
        whitening: vec![1.0; FEATURES * (FEATURES + 1) / 2],
        bounds: vec![(0.0, 1.0); FEATURES],
        edges: vec![edges; FEATURES],
        shares: vec![vec![0.1; BINS]; FEATURES],
        neighbour: 1.0,
        near: 0.0,
    })
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn telemetry(epsilon: f64) -> Telemetry {
    Telemetry::new([(name("watched"), Some(profile())), (name("plain"), None)], epsilon).unwrap()
}

fn head(number: u64) -> Head {
    let (from, to) = (UnixMillis::new(1), UnixMillis::new(2));
    Head { boot: BootId::new([1; 16]), number, epoch: 1, from, to }
}

fn report(telemetry: &Telemetry, number: u64) -> Report {
    telemetry.report(head(number), &mut stream(number)).unwrap()
}

/// Rows that go evenly through the bins; the first feature does not where it drifts.
fn rows(count: usize, drifted: bool) -> Rows {
    let value = |row: usize| ((row * 7) % BINS) as f32 + 0.5;
    let row = |row| [if drifted { 9.5 } else { value(row) }, value(row + 3), value(row * 3)];
    let features = (0..count).flat_map(row).collect();
    Rows::new(FEATURES, features, (0..count).map(|row| usize::from(row % 4 == 0)).collect(), vec![]).unwrap()
}

#[test]
fn a_report_says_what_was_counted_up_to_its_noise_and_begins_anew() {
    let telemetry = telemetry(8.0);
    telemetry.record_rows(&name("watched"), &rows(20_000, true));
    for _ in 0..500 {
        telemetry.record_outcome(&name("watched"), OutcomeKind::Answered, Duration::from_micros(300));
    }
    for _ in 0..100 {
        telemetry.record_outcome(&name("watched"), OutcomeKind::Limit, Duration::from_micros(3));
        telemetry.record_reaction(&name("watched"), Level::Rounded);
    }
    let first = report(&telemetry, 1);
    let model = &first.models[&name("watched")];
    let near = |found: Option<u64>, expected: u64| found.unwrap().abs_diff(expected) < 30;
    assert!(near(model.requests, 600) && near(model.outcome(OutcomeKind::Limit), 100));
    assert_eq!(model.outcome(OutcomeKind::Failed), None, "withheld");
    assert!(near(model.reactions[1], 100));
    assert_eq!(model.latency_micros(0.99), Some(512));
    let told = model.rows.as_ref().unwrap();
    assert!(near(told.rows, 20_000) && near(told.classes[1], 5000));
    let drifts: Vec<_> = told.features.iter().map(|f| f.drift.as_ref().unwrap().is_drift()).collect();
    assert_eq!(drifts, [true, false, false]);
    let summary = first.summary();
    let watched = &summary.models[&name("watched")];
    assert_eq!(watched.drift.unwrap().drifted, 1);
    assert!((watched.refused.unwrap() - 1.0 / 6.0).abs() < 0.05);
    assert_eq!(summary.models[&name("plain")].drift, None);
    let second = report(&telemetry, 2);
    assert_eq!(second.models[&name("watched")].rows.as_ref().unwrap().rows, None);
    assert_eq!(Report::decode(&first.encode().unwrap()), Ok(first));
}

#[test]
fn no_report_is_larger_than_its_size_and_summaries_have_it() {
    for epsilon in [1e-6, 0.01, 8.0] {
        let telemetry = telemetry(epsilon);
        let Sizes { summary, report: bytes } = telemetry.sizes();
        let empty = report(&telemetry, 0);
        telemetry.record_rows(&name("watched"), &rows(5000, false));
        let full = report(&telemetry, u64::MAX);
        for report in [empty, full] {
            assert!(report.encode().unwrap().len() <= bytes, "{epsilon}");
            assert_eq!(report.summary().pad(summary).unwrap().len(), summary);
        }
    }
}

#[test]
fn one_row_and_one_request_change_as_many_counts_as_the_noise_is_for() {
    let (one, mut tally) = (rows(1, false), Tally::new(FEATURES, 2));
    tally.rows(&profile().edges, &one);
    let counted: u64 = tally.classes.iter().chain(tally.features.iter().flatten()).sum();
    assert_eq!(counted, FEATURES as u64 + 1);
    tally.outcome(OutcomeKind::Other, Duration::ZERO);
    tally.reaction(Level::LabelOnly);
    let counted: u64 = tally.outcomes.iter().chain(&tally.latency).chain(&tally.reactions).sum();
    assert_eq!(counted, u64::from(REQUEST_SENSITIVITY));
    let telemetry = telemetry(0.5);
    let watched = &telemetry.models[&name("watched")];
    assert!((watched.rows.as_ref().unwrap().scale.as_f64() - 4.0 / 0.25).abs() < 1e-9);
    assert!((watched.requests.as_f64() - 3.0 / 0.25).abs() < 1e-9);
}

/// Rows without drift, report after report: the stated chance of an alarm holds for a whole model.
#[test]
fn a_model_without_drift_is_named_in_few_reports() {
    let telemetry = telemetry(2.0);
    let mut alarms = 0;
    for number in 0..300 {
        let mut draw = stream(number + 77);
        let mut value = || {
            let mut bytes = [0; 8];
            draw(&mut bytes).unwrap();
            (u64::from_le_bytes(bytes) % BINS as u64) as f32 + 0.5
        };
        let features = (0..500 * FEATURES).map(|_| value()).collect();
        let rows = Rows::new(FEATURES, features, vec![0; 500], vec![]).unwrap();
        telemetry.record_rows(&name("watched"), &rows);
        let summary = report(&telemetry, number).summary();
        alarms += usize::from(summary.models[&name("watched")].drift.is_some_and(|drift| drift.drifted > 0));
    }
    assert!(alarms <= 8, "{alarms} of 300");
}

#[test]
fn what_cannot_be_reported_is_refused_at_the_start() {
    let new = |epsilon| Telemetry::new([(name("m"), Some(profile()))], epsilon).err();
    assert_eq!(new(1e-300), Some(TelemetryError::Epsilon));
    assert_eq!(new(1.0), None);
    let telemetry = telemetry(1.0);
    telemetry.record_outcome(&name("absent"), OutcomeKind::Other, Duration::ZERO);
    telemetry.record_rows(&name("plain"), &rows(3, false));
    let failed = telemetry.report(head(0), &mut |_: &mut [u8]| Err(NoRandom));
    assert_eq!(failed.err(), Some(NoRandom));
}
