//! Reports on the use of models: on their schedule, of one size, for host and owner.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use strongroom_e2e::{Stage, StageOptions};
use strongroom_monitor::Profile;
use strongroom_monitor::drift::bin;
use strongroom_monitor::limits::BINS;
use strongroom_monitor::profile::{Class, Decision, Space};
use strongroom_sim::world::{HostOptions, Output, READY, wait_for};

use super::{Caller, FRAUD, key_entry, payments};

const FEATURES: usize = 30;

/// A profile of the held-out payments: what drift needs of one.
fn profile() -> Profile {
    let rows = payments(2000);
    let column = |at: usize| {
        let mut values: Vec<f32> = rows.iter().map(|row| row[at]).collect();
        values.sort_by(f32::total_cmp);
        values
    };
    let columns: Vec<_> = (0..FEATURES).map(column).collect();
    let mean = |values: &Vec<f32>| values.iter().sum::<f32>() / values.len() as f32;
    let deciles = |values: &Vec<f32>| (1..BINS).map(|k| values[k * values.len() / BINS]).collect::<Vec<_>>();
    let edges: Vec<_> = columns.iter().map(deciles).collect();
    let shares = columns.iter().zip(&edges).map(|(values, edges)| {
        let mut counts = [0_u32; BINS];
        values.iter().for_each(|value| counts[bin(edges, *value)] += 1);
        counts.iter().map(|count| *count as f32 / values.len() as f32).collect::<Vec<_>>()
    });
    let centre: Vec<f32> = columns.iter().map(mean).collect();
    let class =
        |share| Class { share, mean: centre.clone(), distances: vec![], margins: vec![], threshold: None };
    Profile {
        rows: rows.len() as u64,
        space: Space::Input("X".into()),
        features: FEATURES,
        decision: Some(Decision { scores: "probabilities".into(), label: None }),
        classes: vec![class(0.9), class(0.1)],
        scale: vec![1.0; FEATURES],
        whitening: vec![0.0; FEATURES * (FEATURES + 1) / 2],
        bounds: columns.iter().map(|values| (values[0], values[values.len() - 1])).collect(),
        shares: shares.collect(),
        edges,
        centre,
        neighbour: 1.0,
        near: 0.0,
    }
}

/// A stage whose fraud model has a profile, with reports this often. The folder holds the host's log.
async fn reporting(period_seconds: u64) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fraud.profile");
    std::fs::write(&path, profile().encode().unwrap()).unwrap();
    let policy = format!(
        "audit_key = \"AUDIT\"\n[telemetry]\nepsilon_per_day = 100.0\nperiod_seconds = {period_seconds}\n{FRAUD}\
         [model.fraud.watch]\nprofile = \"{}\"\nunlike = \"answered\"\n",
        path.display()
    );
    let host = HostOptions { log: Some(folder.path().join("host.log")), ..HostOptions::default() };
    let policy = Some(policy + &key_entry(1, ""));
    let stage = Stage::set(StageOptions { policy, host, ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    (stage, folder)
}

/// Sizes of summary and sealed part of each report that the host keeps.
fn sizes(stage: &Stage) -> Vec<(i64, i64)> {
    let file = rusqlite::Connection::open(stage.ground.layout.kept().join("audit.db")).unwrap();
    let sql = "SELECT length(summary), length(sealed) FROM report ORDER BY number";
    let mut select = file.prepare(sql).unwrap();
    select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

async fn show(stage: &Stage, more: &[&str]) -> Output {
    let (private, _) = stage.owner.audit_key().await.unwrap();
    let mut arguments = vec!["monitor".to_owned(), "show".to_owned()];
    arguments.push(format!("--db={}", stage.ground.layout.kept().join("audit.db").display()));
    arguments.push(format!("--key={}", private.display()));
    arguments.extend(more.iter().map(ToString::to_string));
    stage.binaries.strongroom(arguments, &[]).await.unwrap()
}

/// What the host's `/metrics` says. Its address stands in the host's log.
async fn metrics(folder: &tempfile::TempDir) -> String {
    let log = std::fs::read_to_string(folder.path().join("host.log")).unwrap();
    let listening = log.lines().find(|line| line.contains("listening")).unwrap();
    let address = listening.split_once("metrics").and_then(|(_, rest)| rest.split_once("127.0.0.1:"));
    let port: String = address.unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let answer = client.get(format!("http://127.0.0.1:{port}/metrics").parse().unwrap()).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn reports_come_whether_or_not_anything_is_asked_and_have_one_size() {
    let (stage, folder) = reporting(2).await;
    assert!(wait_for(READY, async || sizes(&stage).len() >= 2).await, "nobody asked, and reports come");
    let caller = Caller::new(&stage, 1).await;
    for _ in 0..5 {
        assert!(caller.infer("fraud", &payments(50)).await.outcome.is_ok());
    }
    let before = sizes(&stage).len();
    assert!(wait_for(READY, async || sizes(&stage).len() >= before + 2).await);
    let sizes = sizes(&stage);
    assert!(sizes.iter().all(|size| *size == sizes[0] && size.1 > 1000), "{sizes:?}");
    let shown = metrics(&folder).await;
    assert!(shown.contains("strongroom_model_report_epsilon 0.0023"), "{shown}");
    let plot = folder.path().join("plot.svg");
    let told = show(&stage, &["--model=fraud", &format!("--plot={}", plot.display())]).await;
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.starts_with("model fraud"), "{}", told.stdout);
    assert!(std::fs::read_to_string(plot).unwrap().starts_with("<svg "));
}

/// Under noise for a report a minute, which hides thousands of rows: 60 000 of them show one feature that moved.
#[tokio::test]
async fn the_feature_that_drifted_is_named_and_no_other() {
    let (stage, folder) = reporting(60).await;
    let caller = Caller::new(&stage, 1).await;
    // The whole held-out set, so that the other features are distributed as the profile says.
    let mut all = payments(2000);
    all.iter_mut().for_each(|row| row[0] = 1.0e6);
    for _ in 0..30 {
        for part in all.chunks(500) {
            let got = caller.infer("fraud", part).await;
            assert!(got.outcome.is_ok(), "{:?}", got.outcome.err());
        }
    }
    let limit = Duration::from_secs(90);
    assert!(
        wait_for(limit, async || metrics(&folder).await.contains("model_drift{model=\"fraud\"} 1")).await
    );
    let told = show(&stage, &["--json"]).await;
    let drifted = told.stdout.lines().filter_map(|line| {
        let report: serde_json::Value = serde_json::from_str(line).unwrap();
        report["models"]["fraud"]["drifted"].as_array().filter(|list| !list.is_empty()).cloned()
    });
    let drifted: Vec<_> = drifted.collect();
    assert_eq!(drifted, [[serde_json::json!(0)]], "{}", told.stdout);
}
