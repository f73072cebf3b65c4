//! What the host keeps for the enclave, as the enclave sees it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use strongroom_host::keep::{ForwardTo, Keeping};
use strongroom_host::limits::{
    HAND_OVER_GRACE, HAND_OVER_QUIET, MAX_HANDED_OVER_BYTES, STATE_BYTES_PER_SECOND,
};
use strongroom_host::{Host, HostError, check};
use strongroom_link::{Mux, Reply};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::{AUDIT_RECORD_BYTES, MAX_AUDIT_BATCH_RECORDS, MAX_STATE_BYTES};
use strongroom_proto::relay::{AuditBatch, BootDocuments};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::common::{SOON, Setup, dial, until, write};
use crate::process::{command, finish};

/// A host that keeps things, with something to boot from.
fn keeping(forward: Option<ForwardTo>) -> Setup {
    let mut setup = Setup::new();
    write(&setup.path("store/charter.cose"), "charter");
    write(&setup.path("store/release.bundle"), "release");
    setup.config.keeping = Some(Keeping { directory: setup.path("state"), forward });
    setup
}

async fn services(setup: &Setup) -> Mux {
    Mux::new(dial(&setup.config.services).await)
}

async fn ask(mux: &Mux, kind: Kind, body: impl Into<Bytes>) -> Reply {
    mux.call(kind, body.into(), SOON).await.unwrap()
}

async fn boot(mux: &Mux) -> Vec<u8> {
    BootDocuments::decode(&ask(mux, Kind::Boot, "").await.body).unwrap().state
}

fn batch(first: u64, records: &[u8], checkpoint: &str) -> Vec<u8> {
    let whole = |byte: &u8| vec![*byte; AUDIT_RECORD_BYTES].into();
    let batch = AuditBatch {
        boot: [0xab; 16],
        segment: 2,
        opening: b"opening".to_vec(),
        document: b"document".to_vec(),
        first,
        records: records.iter().map(whole).collect(),
        checkpoint: checkpoint.into(),
    };
    batch.encode().unwrap()
}

fn is_kept(reply: &Reply) -> bool {
    assert!(reply.body.is_empty());
    reply.kind == Kind::HostReply
}

/// Rows of the database, as somebody with the file sees them.
fn rows(directory: &Path, sql: &str) -> Vec<String> {
    let database = rusqlite::Connection::open(directory.join("audit.db")).unwrap();
    let mut select = database.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

const RECORDS: &str = "SELECT number || ' ' || hex(substr(sealed, 1, 1)) FROM record ORDER BY number";

#[tokio::test]
async fn a_state_outlives_the_host_and_the_last_one_counts() {
    let setup = keeping(None);
    let mut host = setup.start_host().await;
    let mux = services(&setup).await;
    assert_eq!(boot(&mux).await, b"");
    let large = vec![7; MAX_STATE_BYTES];
    for state in [b"first".to_vec(), large, b"last".to_vec()] {
        assert!(is_kept(&ask(&mux, Kind::State, state.clone()).await));
        assert!(boot(&mux).await == state);
    }
    assert_eq!(host.metric("state_writes_total").await, Some(3));
    host.stop();
    host.ended().await.unwrap();

    let _host = setup.start_host().await;
    assert_eq!(boot(&services(&setup).await).await, b"last");
    let mode = |name| std::fs::metadata(setup.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/state.sealed"), mode("state/audit.db")), (0o700, 0o600, 0o600));
}

/// The enclave hands over what it answered a second later, and a large state later still.
#[tokio::test]
async fn a_host_that_ends_keeps_what_its_enclave_still_hands_over() {
    let setup = keeping(None);
    let (mut host, _enclave) = setup.start().await;
    let mux = services(&setup).await;
    assert!(is_kept(&ask(&mux, Kind::Audit, batch(0, &[1], "c1")).await));
    let edge = host.edge;
    host.stop();
    until(async || TcpStream::connect(edge).await.is_err()).await;
    for (number, byte) in (1..).zip([2, 3]) {
        sleep(Duration::from_millis(900)).await;
        assert!(is_kept(&ask(&mux, Kind::Audit, batch(number, &[byte], "c")).await));
    }
    assert!(is_kept(&ask(&mux, Kind::State, vec![7; 2 * STATE_BYTES_PER_SECOND]).await));
    sleep(Duration::from_millis(2200)).await;
    assert!(is_kept(&ask(&mux, Kind::State, "last").await));
    host.ended().await.unwrap();
    assert_eq!(rows(&setup.path("state"), RECORDS), ["0 01", "1 02", "2 03"]);
    let _host = setup.start_host().await;
    assert_eq!(boot(&services(&setup).await).await, b"last");
}

#[tokio::test]
async fn an_enclave_that_hands_over_without_end_does_not_keep_its_host() {
    let setup = keeping(None);
    let (mut host, enclave) = setup.start().await;
    let mux = services(&setup).await;
    let goes_on = tokio::spawn(async move {
        while mux.call(Kind::State, "state".into(), SOON).await.is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
    });
    host.stop();
    let began = Instant::now();
    host.ended_within(2 * HAND_OVER_GRACE).await.unwrap();
    assert!(began.elapsed() >= HAND_OVER_GRACE, "{:?}", began.elapsed());
    goes_on.await.unwrap();

    // One that is gone hands over nothing.
    let mut host = setup.start_host().await;
    host.until_ready(true).await;
    drop(enclave);
    until(async || host.metric("enclave_up").await == Some(0)).await;
    host.stop();
    let began = Instant::now();
    host.ended().await.unwrap();
    assert!(began.elapsed() < HAND_OVER_QUIET, "{:?}", began.elapsed());
}

#[tokio::test]
async fn states_beyond_what_is_held_at_once_wait_and_are_kept() {
    let setup = keeping(None);
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    let large = Bytes::from(vec![7; MAX_STATE_BYTES]);
    let mut waiting = tokio::task::JoinSet::new();
    let count = 2 * MAX_HANDED_OVER_BYTES / MAX_STATE_BYTES;
    for _ in 0..count {
        let (mux, large) = (mux.clone(), large.clone());
        waiting.spawn(async move { is_kept(&ask(&mux, Kind::State, large).await) });
    }
    assert!(waiting.join_all().await.into_iter().all(|kept| kept));
    assert_eq!(host.metric("state_writes_total").await, Some(count as u64));
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_not_taken_for_none() {
    let setup = keeping(None);
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    write(&setup.path("state/state.sealed"), vec![0; MAX_STATE_BYTES + 1]);
    assert_eq!(ask(&mux, Kind::Boot, "").await.kind, Kind::Absent);
    assert!(is_kept(&ask(&mux, Kind::State, "whole").await));
    assert_eq!(boot(&mux).await, b"whole");
}

#[tokio::test]
async fn a_batch_is_kept_and_a_repeated_one_changes_nothing() {
    let setup = keeping(None);
    let mut host = setup.start_host().await;
    let mux = services(&setup).await;
    for body in
        [batch(0, &[1, 2], "c2"), batch(0, &[1, 2], "c2"), batch(2, &[3], "c3"), batch(3, &[], "c3 again")]
    {
        assert!(is_kept(&ask(&mux, Kind::Audit, body).await));
    }
    assert_eq!(rows(&setup.path("state"), RECORDS), ["0 01", "1 02", "2 03"]);
    let checkpoints = "SELECT records || ' ' || document FROM checkpoint ORDER BY records";
    assert_eq!(rows(&setup.path("state"), checkpoints), ["2 c2", "3 c3"]);
    let logs = "SELECT hex(boot) || ' ' || segment || ' ' || opening || ' ' || document FROM log";
    assert_eq!(rows(&setup.path("state"), logs), [format!("{} 2 opening document", "AB".repeat(16))]);
    assert_eq!(host.metric("audit_records_total").await, Some(3));
    assert_eq!(host.metric("audit_bytes_total").await, Some(3 * AUDIT_RECORD_BYTES as u64));
    host.stop();
    host.ended().await.unwrap();
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    let most = vec![4; MAX_AUDIT_BATCH_RECORDS];
    assert!(is_kept(&ask(&mux, Kind::Audit, batch(3, &most, "c")).await), "a restarted host goes on");
    assert_eq!(rows(&setup.path("state"), RECORDS).len(), 3 + MAX_AUDIT_BATCH_RECORDS);
}

#[tokio::test]
async fn of_two_records_with_one_number_the_first_is_kept() {
    let setup = keeping(None);
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    assert!(is_kept(&ask(&mux, Kind::Audit, batch(0, &[1, 2], "c2")).await));
    assert!(is_kept(&ask(&mux, Kind::Audit, batch(1, &[9, 3], "c3")).await));
    assert_eq!(rows(&setup.path("state"), RECORDS), ["0 01", "1 02", "2 03"]);
    assert_eq!(host.metric("keep_failures_total").await, Some(0));
}

#[tokio::test]
async fn a_malformed_batch_is_not_kept() {
    let setup = keeping(None);
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    let good = batch(0, &[1], "c");
    let torn = good[..good.len() - 1].to_vec();
    for body in [vec![], b"no batch".to_vec(), torn, batch(i64::MAX as u64, &[1], "c")] {
        assert_eq!(ask(&mux, Kind::Audit, body).await.kind, Kind::Absent);
    }
    assert_eq!(rows(&setup.path("state"), RECORDS), [""; 0]);
    assert_eq!(host.metric("keep_failures_total").await, Some(4));
    assert!(is_kept(&ask(&mux, Kind::Audit, good).await), "the connection goes on");
}

#[tokio::test]
async fn without_a_directory_nothing_is_kept() {
    let mut setup = keeping(None);
    setup.config.keeping = None;
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    for _ in 0..3 {
        assert_eq!(ask(&mux, Kind::State, "state").await.kind, Kind::Absent);
        assert_eq!(ask(&mux, Kind::Report, "report").await.kind, Kind::Absent);
    }
    assert_eq!(boot(&mux).await, b"");
    assert_eq!(host.metric("keep_failures_total").await, Some(0), "that is a decision and no failure");
    // An enclave with an audit log stops to answer at some time.
    assert_eq!(ask(&mux, Kind::Audit, batch(0, &[1], "c")).await.kind, Kind::Absent);
    assert_eq!(host.metric("keep_failures_total").await, Some(1));
}

/// The enclave comes again every second.
#[tokio::test]
async fn what_is_not_kept_is_logged_when_it_begins_changes_or_ends() {
    let setup = keeping(None);
    let directory = setup.path("state");
    let end = async |child: Child| {
        kill(&child).await;
        let (code, _, err) = finish(child).await;
        assert_eq!(code, Some(0), "{err}");
        let of = |line: &&str| line.contains("kept for the enclave");
        err.lines().filter(of).map(str::to_owned).collect::<Vec<_>>()
    };
    let child = command(&setup, &["--state-dir", directory.to_str().unwrap()]).spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    let mux = services(&setup).await;
    std::fs::rename(&directory, setup.path("away")).unwrap();
    for _ in 0..3 {
        assert!(!is_kept(&ask(&mux, Kind::State, "state").await));
        assert!(!is_kept(&ask(&mux, Kind::Audit, "no batch").await));
    }
    std::fs::rename(setup.path("away"), &directory).unwrap();
    for _ in 0..3 {
        assert!(is_kept(&ask(&mux, Kind::State, "state").await));
        assert!(is_kept(&ask(&mux, Kind::Audit, batch(0, &[1], "c")).await));
    }
    let lines = end(child).await;
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, (level, says)) in lines.iter().zip([
        ("WARN", "not kept for the enclave kind=State"),
        ("WARN", "not kept for the enclave kind=Audit"),
        ("INFO", "kept for the enclave again kind=State"),
        ("INFO", "kept for the enclave again kind=Audit"),
    ]) {
        assert!(line.contains(level) && line.contains(says), "{line}");
    }

    std::fs::remove_file(setup.path("ready")).unwrap();
    let child = command(&setup, &[]).spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    let mux = services(&setup).await;
    for _ in 0..3 {
        assert!(!is_kept(&ask(&mux, Kind::State, "state").await));
    }
    let lines = end(child).await;
    assert!(matches!(lines.as_slice(), [line] if line.contains("INFO")), "{lines:?}");
}

async fn kill(child: &Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
}

#[tokio::test]
async fn what_cannot_be_kept_is_absent_and_what_cannot_be_opened_stops_the_host() {
    let mut setup = keeping(None);
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    std::fs::remove_dir_all(setup.path("state")).unwrap();
    assert_eq!(ask(&mux, Kind::State, "state").await.kind, Kind::Absent);
    assert_eq!(host.metric("keep_failures_total").await, Some(1));

    write(&setup.path("file"), "");
    setup.config.keeping = Some(Keeping { directory: setup.path("file"), forward: None });
    assert!(matches!(Host::bind(setup.config.clone()).await.err(), Some(HostError::Keep { .. })));
    assert!(matches!(check(&setup.config).err(), Some(HostError::Keep { .. })));
}

#[tokio::test]
async fn what_is_kept_is_forwarded_to_a_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let setup = keeping(Some(ForwardTo::File(path.clone())));
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    for body in [batch(0, &[1, 2], "c2"), batch(0, &[1, 2], "c2"), batch(1, &[9, 3], "c3")] {
        assert!(is_kept(&ask(&mux, Kind::Audit, body).await));
    }
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    until(async || lines().contains("\"records\":3")).await;
    assert_eq!(lines(), forwarded(&[("0", 1), ("1", 2), ("c2", 2), ("2", 3), ("c3", 3)]));
    assert_eq!(host.metric("audit_forward_failures_total").await, Some(0));
}

/// The lines of a log: records as number and byte, checkpoints as text and number of records.
fn forwarded(entries: &[(&str, u8)]) -> String {
    use base64::Engine;
    let coded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let of = format!("\"boot\":\"{}\",\"segment\":2", "ab".repeat(16));
    let (opening, document) = (coded(b"opening"), coded(b"document"));
    let log = format!("{{\"kind\":\"log\",{of},\"opening\":\"{opening}\",\"document\":\"{document}\"}}\n");
    let line = |(name, value): &(&str, u8)| {
        if name.starts_with('c') {
            let document = coded(name.as_bytes());
            return format!(
                "{{\"kind\":\"checkpoint\",{of},\"records\":{value},\"document\":\"{document}\"}}\n"
            );
        }
        let sealed = coded(&[*value; AUDIT_RECORD_BYTES]);
        format!("{{\"kind\":\"record\",{of},\"number\":{name},\"sealed\":\"{sealed}\"}}\n")
    };
    log + &entries.iter().map(line).collect::<String>()
}

#[tokio::test]
async fn the_process_forwards_to_stdout_and_ends_when_all_is_out() {
    let setup = keeping(None);
    let directory = setup.path("state");
    let more = ["--state-dir", directory.to_str().unwrap(), "--audit-forward", "-"];
    let (code, ..) =
        finish(command(&setup, &[more.as_slice(), &["--check"]].concat()).spawn().unwrap()).await;
    assert_eq!((code, directory.exists()), (Some(0), false), "looked at and not made");

    let child = command(&setup, &more).spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    let mux = services(&setup).await;
    assert!(is_kept(&ask(&mux, Kind::Audit, batch(0, &[1], "c1")).await));
    kill(&child).await;
    let (code, out, err) = finish(child).await;
    assert_eq!((code, out), (Some(0), forwarded(&[("0", 1), ("c1", 1)])), "{err}");
    assert_eq!(rows(&directory, RECORDS), ["0 01"]);

    write(&setup.path("file"), "");
    let file = setup.path("file");
    let (code, _, err) =
        finish(command(&setup, &["--state-dir", file.to_str().unwrap(), "--check"]).spawn().unwrap()).await;
    let expected = format!(
        "strongroom-host: cannot keep anything for the enclave at {}: not a directory\n",
        file.display()
    );
    assert_eq!((code, err), (Some(2), expected));
}
