use std::sync::atomic::Ordering;
use std::time::Instant;

use super::*;
use crate::keep::audit::Beginning;

fn kept(segment: u32, number: i64) -> Kept {
    Kept {
        boot: [1; 16],
        segment,
        beginning: Some(Beginning { opening: vec![], document: vec![] }),
        records: vec![(number, vec![])],
        checkpoint: None,
        conflicts: 0,
    }
}

fn kinds(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let kind =
        |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned();
    text.lines().map(kind).collect()
}

#[test]
fn a_file_that_is_moved_away_is_made_anew_and_a_log_begins_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("moved"));
    let start = || Forwarder::start(ForwardTo::File(path.clone()), Arc::default()).unwrap();
    let mut forwarder = start();
    forwarder.pass_on(kept(0, 0));
    forwarder.pass_on(kept(0, 1));
    forwarder.pass_on(kept(1, 0));
    drop(forwarder);
    assert_eq!(kinds(&path), ["log", "record", "record", "log", "record"]);
    std::fs::rename(&path, &moved).unwrap();
    let mut forwarder = start();
    forwarder.pass_on(kept(1, 1));
    drop(forwarder);
    assert_eq!(kinds(&path), ["log", "record"], "first seen by this process");
}

#[test]
fn trouble_is_counted_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (metrics, path) = (Arc::<Metrics>::default(), folder.path().join("later/audit.jsonl"));
    let mut forwarder = Forwarder::start(ForwardTo::File(path.clone()), Arc::clone(&metrics)).unwrap();
    forwarder.pass_on(kept(0, 0));
    let failures = || metrics.forward_failures.load(Ordering::Relaxed);
    while failures() == 0 {
        thread::yield_now();
    }
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    forwarder.pass_on(kept(0, 1));
    drop(forwarder);
    assert_eq!((kinds(&path), failures()), (vec!["log".to_owned(), "record".to_owned()], 1));
}

#[test]
fn a_reader_that_stalls_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let metrics = Arc::<Metrics>::default();
    let began = Instant::now();
    // Opening a pipe waits for a reader, and there is none.
    let mut forwarder = Forwarder::start(ForwardTo::File(pipe), Arc::clone(&metrics)).unwrap();
    for number in 0..10 + MAX_FORWARD_BATCHES as i64 {
        forwarder.pass_on(kept(0, number));
    }
    assert!(metrics.forward_failures.load(Ordering::Relaxed) >= 9);
    drop(forwarder);
    assert!(began.elapsed() < 2 * FORWARD_GRACE);
}

#[test]
fn a_dash_is_stdout() {
    assert_eq!("-".parse(), Ok(ForwardTo::Stdout));
    assert_eq!("./-".parse(), Ok(ForwardTo::File("./-".into())));
}

#[test]
fn half_a_line_is_cut_off_before_more_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let after = |held: &str, added: &str| {
        std::fs::write(&path, held).unwrap();
        append(&path, added.as_bytes()).unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    assert_eq!(after("", "a\n"), "a\n");
    assert_eq!(after("a\n", "b\n"), "a\nb\n");
    assert_eq!(after("a\nhal", "b\n"), "a\nb\n");
    assert_eq!(after("hal", "b\n"), "b\n");
    let long = format!("a\n{}", "x".repeat(10_000));
    assert_eq!(after(&long, "b\n"), "a\nb\n");
    assert!(append(folder.path(), b"b\n").is_err());
}
