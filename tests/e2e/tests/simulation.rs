//! `strongroom-sim up` as a program that others start.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_sim::world::Binaries;

fn up(state: &Path) -> (Child, String) {
    let binary = Binaries::beside_this_one().unwrap().path("strongroom-sim");
    let mut child = Command::new(binary)
        .args(["up", "--listen=127.0.0.1:0", "--state"])
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

fn children(of: u32) -> Vec<u32> {
    let file = format!("/proc/{of}/task/{of}/children");
    let listed = std::fs::read_to_string(file).unwrap();
    listed.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

fn terminate(mut child: Child) -> (Option<i32>, String) {
    let status = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest)
}

fn is_gone(id: u32) -> bool {
    let start = Instant::now();
    while Path::new(&format!("/proc/{id}")).exists() {
        if start.elapsed() > Duration::from_secs(10) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn it_prints_one_line_serves_and_leaves_no_process() {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("notes.txt"), "mine").unwrap();
    let (child, line) = up(state.path());
    let url = line.strip_prefix("ready ").expect("ready line").trim().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let parts = children(child.id());
    assert_eq!(parts.len(), 2, "an enclave and a host");
    let trust = std::fs::read_to_string(state.path().join("trust.toml")).unwrap();
    assert!(trust.contains("simulation = true") && trust.contains("BEGIN CERTIFICATE"));
    let key = std::fs::read_to_string(state.path().join("api-key")).unwrap();
    assert_eq!(key.lines().count(), 1);
    let (code, rest) = terminate(child);
    assert_eq!((code, rest.as_str()), (Some(0), ""), "nothing but the ready line on stdout");
    assert!(parts.into_iter().all(is_gone));
    assert_eq!(std::fs::read_to_string(state.path().join("notes.txt")).unwrap(), "mine");
}

#[test]
fn a_state_directory_can_be_used_again() {
    let state = tempfile::tempdir().unwrap();
    let (first, _) = up(state.path());
    let key = std::fs::read(state.path().join("api-key")).unwrap();
    terminate(first);
    let (second, line) = up(state.path());
    assert!(line.starts_with("ready "), "{line}");
    assert_eq!(std::fs::read(state.path().join("api-key")).unwrap(), key);
    terminate(second);
}

#[test]
fn the_held_out_set_scores_as_the_plain_model_does() {
    let state = tempfile::tempdir().unwrap();
    let (child, line) = up(state.path());
    let url = line.trim().strip_prefix("ready ").unwrap().to_owned();
    let binary = Binaries::beside_this_one().unwrap().path("strongroom-sim");
    let output = Command::new(binary)
        .arg("score")
        .arg(format!("--url={url}"))
        .arg(format!("--trust={}", state.path().join("trust.toml").display()))
        .arg(format!("--api-key=@{}", state.path().join("api-key").display()))
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    terminate(child);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("2000 of 2000 answers equal the plain model's"), "{stdout}");
    assert!(stdout.contains("accuracy 98.70 %"), "{stdout}");
}
