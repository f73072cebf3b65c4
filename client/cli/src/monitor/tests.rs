use strongroom_attestation::UnixMillis;
use strongroom_attestation::claims::BootId;
use strongroom_attestation::report::ReportId;
use strongroom_monitor::drift::Drift;
use strongroom_monitor::telemetry::{FeatureReport, LATENCY_BINS, LEVELS, ModelReport, RowReport};
use zeroize::Zeroizing;

use super::*;

fn key(byte: u8) -> AuditPrivateKey {
    AuditPrivateKey::from_seed(Zeroizing::new([byte; 32]))
}

fn report(number: u64, psi: f64) -> Report {
    let drift = Drift { psi, psi_threshold: 0.2, ks: 0.1, ks_threshold: 0.3 };
    let feature = FeatureReport { bins: [Some(50); 10], drift: Some(drift) };
    let quiet = FeatureReport { drift: Some(Drift { psi: 0.01, ..drift }), ..feature.clone() };
    let mut latency = [None; LATENCY_BINS];
    latency[9] = Some(90);
    let model = ModelReport {
        requests: Some(100),
        outcomes: [Some(75), None, Some(25), None, None, None, None],
        latency,
        reactions: [None; LEVELS],
        rows: Some(RowReport {
            rows: Some(500),
            classes: vec![Some(400), Some(100)],
            features: vec![quiet, feature],
        }),
    };
    Report {
        version: 1,
        boot: BootId::new([2; 16]),
        number,
        epoch: 1,
        from: UnixMillis::new(1000 * number),
        to: UnixMillis::new(1000 * number + 1000),
        epsilon: 0.5,
        models: [("fraud".parse().unwrap(), model)].into(),
    }
}

fn sealed(report: &Report, number: u64) -> Vec<u8> {
    let id = ReportId { deployment: "d".parse().unwrap(), boot: report.boot, number };
    let random = ring::rand::SystemRandom::new();
    let bytes = report.encode().unwrap();
    SealedReport::seal(id, &bytes, 4096, &key(1).public(), &random).unwrap().encode().unwrap()
}

#[test]
fn reports_are_opened_in_order_and_others_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("PRAGMA user_version = 1").unwrap();
    assert!(
        Opened::read(&path, &key(1)).unwrap().reports.is_empty(),
        "a file from before there were reports"
    );
    file.execute_batch("CREATE TABLE report(boot BLOB, number INTEGER, summary BLOB, sealed BLOB)").unwrap();
    let insert = |number: u64, sealed: Vec<u8>| {
        let number = i64::try_from(number).unwrap();
        let row = (vec![2_u8; 16], number, vec![0_u8], sealed);
        file.execute("INSERT INTO report VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    };
    insert(1, sealed(&report(1, 0.5), 1));
    insert(0, sealed(&report(0, 0.1), 0));
    insert(2, sealed(&report(1, 0.5), 1));
    insert(3, sealed(&report(9, 0.5), 3));
    insert(4, b"no report".to_vec());
    let opened = Opened::read(&path, &key(1)).unwrap();
    let numbers: Vec<_> = opened.reports.iter().map(|report| report.number).collect();
    assert_eq!((numbers, opened.closed), (vec![0, 1], 3));
    assert_eq!(Opened::read(&path, &key(2)).unwrap().reports.len(), 0);
}

#[test]
fn words_name_what_drifted() {
    let (reports, models) = ([report(0, 0.1), report(1, 0.5)], ["fraud".parse().unwrap()]);
    let text = words(&reports, &models);
    for expected in [
        "requests   100, over a limit 25; refused 25.0 %, failed 0.0 %",
        "half within 0.51 ms",
        "rows       500, by class  0: 80.0 %  1: 20.0 %",
        "drift      none in 2 features",
        "drift      1 of 2 features",
        "feature 1    PSI 0.5000 of 0.2000",
        "DRIFT",
        "(at most 2.50)",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(text.matches("feature 0").count(), 1, "every feature of the last report alone\n{text}");
    let drifted = &json(&reports[1], &models)["models"]["fraud"]["drifted"];
    assert_eq!(*drifted, serde_json::json!([1]));
}

#[test]
fn a_plot_shows_every_report() {
    let (reports, models) = ([report(0, 0.1), report(1, 0.5)], ["fraud".parse().unwrap()]);
    let svg = plot(&reports, &models);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    // PSI, threshold, two classes; each at two times.
    assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (4, 8), "{svg}");
    assert!(!svg.contains("NaN") && plot(&[], &models).contains("</svg>"));
}
