//! Small scripts stand for `nitro-cli` and for an emulator; the enclave's side of the link is pretended.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use strongroom_host::supervise::{Pace, Plan, Program};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::common::{Setup, start_enclave, until, write};
use crate::process::{command, finish};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Quick in all, so that a test that waits in vain for one of these takes long.
const QUICK: Pace = Pace {
    first_grace: ms(50),
    gone_grace: ms(1000),
    silence: ms(3000),
    stable: Duration::from_secs(60),
    min_backoff: ms(50),
    max_backoff: ms(200),
    settle: ms(500),
    stop_timeout: ms(500),
    term_grace: ms(500),
};

/// A script that runs in the setup's folder.
fn script(setup: &Setup, name: &str, text: &str) -> Program {
    let path = setup.path(name);
    write(&path, format!("cd '{}'\n{text}\n", setup.path("").display()));
    Program::new(vec!["sh".to_owned(), path.to_str().unwrap().to_owned()]).unwrap()
}

fn plan(setup: &Setup, start: &str) -> Plan {
    let start = script(setup, "start.sh", start);
    let stop = Some(script(setup, "stop.sh", "echo stop >> log"));
    Plan { start, stop, start_timeout: Duration::from_secs(60), pace: QUICK }
}

fn log(setup: &Setup) -> Vec<String> {
    let text = std::fs::read_to_string(setup.path("log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn starts(setup: &Setup) -> usize {
    log(setup).iter().filter(|line| line.as_str() == "start").count()
}

fn pid(setup: &Setup) -> String {
    std::fs::read_to_string(setup.path("pid")).unwrap().trim().to_owned()
}

fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

async fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().await.unwrap().success());
}

/// As `nitro-cli run-enclave` does: leaves the enclave behind and ends well.
const DETACHES: &str = "echo start >> log";

/// As an emulator does.
const STAYS: &str = "echo start >> log\necho $$ > pid\nexec sleep 600";

#[tokio::test]
async fn an_enclave_that_is_gone_is_started_again_after_its_remains_are_stopped() {
    let mut setup = Setup::new();
    setup.config.supervision = Some(plan(&setup, DETACHES));
    let host = setup.start_host().await;
    until(async || log(&setup) == ["stop", "start"]).await;
    let enclave = setup.start_enclave();
    host.until_ready(true).await;
    // Longer than every patience: an enclave that is reachable is left alone.
    sleep(ms(1500)).await;
    assert_eq!(log(&setup), ["stop", "start"]);
    drop(enclave);
    until(async || log(&setup) == ["stop", "start", "stop", "start"]).await;
    let _enclave = setup.start_enclave();
    host.until_ready(true).await;
    assert_eq!(host.metric("enclave_starts_total").await, Some(2));
}

#[tokio::test]
async fn an_enclave_that_runs_already_is_neither_started_nor_stopped() {
    let mut setup = Setup::new();
    let mut plan = plan(&setup, DETACHES);
    plan.pace.first_grace = Duration::from_secs(60);
    setup.config.supervision = Some(plan);
    let enclave = setup.start_enclave();
    let mut host = setup.start_host().await;
    host.until_ready(true).await;
    // A short loss is no reason either.
    drop(enclave);
    sleep(ms(100)).await;
    let _enclave = setup.start_enclave();
    sleep(ms(1500)).await;
    host.until_ready(true).await;
    assert_eq!(host.metric("enclave_starts_total").await, Some(0));
    host.stop();
    host.ended().await.unwrap();
    assert_eq!(log(&setup), Vec::<String>::new());
}

/// Whoever answers clients is there, however late its status comes.
#[tokio::test]
async fn an_enclave_that_is_busy_is_left_alone() {
    let mut setup = Setup::new();
    let mut plan = plan(&setup, DETACHES);
    plan.pace.first_grace = Duration::from_secs(60);
    plan.pace.silence = ms(1000);
    setup.config.supervision = Some(plan);
    let enclave = setup.start_enclave();
    let host = setup.start_host().await;
    host.until_ready(true).await;
    enclave.fake.busy.store(true, Ordering::Relaxed);
    // Longer than a status may take and every patience together.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(9) {
        assert_eq!(host.post("/v1/hello", vec![5; 32]).await.status, 200);
        sleep(ms(200)).await;
    }
    assert_eq!(log(&setup), Vec::<String>::new());
    host.until_ready(false).await;
}

/// The whole time counts from its last answer.
#[tokio::test]
async fn an_enclave_that_is_connected_and_hangs_is_started_again_when_it_was_silent_for_long_enough() {
    let mut setup = Setup::new();
    let mut plan = plan(&setup, DETACHES);
    plan.pace.first_grace = Duration::from_secs(60);
    plan.pace.gone_grace = ms(3000);
    plan.pace.silence = ms(8000);
    setup.config.supervision = Some(plan);
    let enclave = setup.start_enclave();
    let host = setup.start_host().await;
    host.until_ready(true).await;
    assert_eq!(host.post("/v1/hello", vec![5; 32]).await.status, 200);
    enclave.fake.busy.store(true, Ordering::Relaxed);
    let began = Instant::now();
    while starts(&setup) == 0 {
        // A status may take 5 s, and the next is asked for a second later.
        assert!(began.elapsed() < ms(8000 + 6000 + 1500), "{:?}", began.elapsed());
        sleep(ms(50)).await;
    }
    assert!(began.elapsed() >= ms(7900), "{:?}", began.elapsed());
    assert_eq!(host.metric("enclave_up").await, Some(1));
    assert_eq!(log(&setup), ["stop", "start"]);
}

#[tokio::test]
async fn a_foreground_program_that_dies_is_replaced_promptly() {
    for signal in ["-KILL", "-TERM"] {
        let mut setup = Setup::new();
        let mut plan = plan(&setup, STAYS);
        plan.pace.gone_grace = Duration::from_secs(600);
        setup.config.supervision = Some(plan);
        let host = setup.start_host().await;
        until(async || starts(&setup) == 1).await;
        let enclave = setup.start_enclave();
        host.until_ready(true).await;
        drop(enclave);
        kill(signal, &pid(&setup)).await;
        until(async || starts(&setup) == 2).await;
        drop(host);
    }
}

#[tokio::test]
async fn a_foreground_program_that_ends_well_takes_its_enclave_with_it_or_leaves_it() {
    let mut setup = Setup::new();
    // Ends well when told to.
    let mut plan = plan(&setup, "echo start >> log\nwhile ! [ -e end ]; do sleep 0.05; done\nrm end");
    plan.pace.gone_grace = Duration::from_secs(600);
    setup.config.supervision = Some(plan);
    let host = setup.start_host().await;
    until(async || starts(&setup) == 1).await;
    let enclave = setup.start_enclave();
    host.until_ready(true).await;
    write(&setup.path("end"), "");
    drop(enclave);
    until(async || starts(&setup) == 2).await;
    let _enclave = setup.start_enclave();
    host.until_ready(true).await;
    write(&setup.path("end"), "");
    until(async || !setup.path("end").exists()).await;
    sleep(ms(1000)).await;
    assert_eq!(starts(&setup), 2, "its enclave is still reachable");
}

#[tokio::test]
async fn starts_that_fail_are_repeated_ever_more_slowly() {
    for start in ["echo start >> log\nexit 1", "echo start >> log\nkill -KILL $$"] {
        let mut setup = Setup::new();
        setup.config.supervision = Some(plan(&setup, start));
        let host = setup.start_host().await;
        let began = Instant::now();
        until(async || starts(&setup) >= 5).await;
        // 0, 50, 100, 200 and 200 ms.
        assert!(began.elapsed() > ms(500), "{:?}", began.elapsed());
        let _enclave = setup.start_enclave();
        host.until_ready(true).await;
    }
    let mut setup = Setup::new();
    let mut plan = plan(&setup, DETACHES);
    plan.start = Program::new(vec!["/no/such/program".to_owned()]).unwrap();
    setup.config.supervision = Some(plan);
    let host = setup.start_host().await;
    until(async || host.metric("enclave_starts_total").await >= Some(3)).await;
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_ended_and_repeated() {
    let mut setup = Setup::new();
    let mut plan = plan(&setup, STAYS);
    plan.start_timeout = ms(300);
    setup.config.supervision = Some(plan);
    let _host = setup.start_host().await;
    until(async || setup.path("pid").exists() && !pid(&setup).is_empty()).await;
    let first = pid(&setup);
    until(async || starts(&setup) == 2).await;
    assert!(!runs(&first));
}

#[tokio::test]
async fn the_host_ends_what_it_started_and_what_that_started() {
    // The second ignores SIGTERM, and so does its child.
    let stubborn =
        "trap '' TERM\necho start >> log\nsleep 600 &\necho $! > child\necho $$ > pid\nwait\nsleep 600";
    let gentle = "echo start >> log\nsleep 600 &\necho $! > child\necho $$ > pid\nwait";
    for start in [gentle, stubborn] {
        let mut setup = Setup::new();
        setup.config.supervision = Some(plan(&setup, start));
        let mut host = setup.start_host().await;
        until(async || setup.path("pid").exists() && !pid(&setup).is_empty()).await;
        let _enclave = setup.start_enclave();
        host.until_ready(true).await;
        let child = std::fs::read_to_string(setup.path("child")).unwrap().trim().to_owned();
        assert!(runs(&pid(&setup)) && runs(&child));
        host.stop();
        host.ended().await.unwrap();
        assert_eq!(log(&setup), ["stop", "start", "stop"]);
        assert!(!runs(&pid(&setup)));
        // Whoever adopts it may take a moment to reap it.
        until(async || !runs(&child) || is_zombie(&child)).await;
    }
}

fn is_zombie(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_stop_that_fails_or_hangs_stops_nothing() {
    for stop in ["exit 7", "exec sleep 600", "trap '' TERM\nsleep 600\nsleep 600"] {
        let mut setup = Setup::new();
        let mut plan = plan(&setup, DETACHES);
        plan.stop = Some(script(&setup, "stop.sh", stop));
        setup.config.supervision = Some(plan);
        let host = setup.start_host().await;
        until(async || starts(&setup) == 1).await;
        let _enclave = setup.start_enclave();
        host.until_ready(true).await;
    }
}

#[tokio::test]
async fn output_becomes_printable_lines_and_words_are_passed_as_they_are() {
    let setup = Setup::new();
    let _enclave = start_enclave_later(&setup);
    let text = "printf 'booted \\033[2J%s\\n' \"$1\"; echo to stderr >&2";
    let more = [
        "--enclave-start=sh",
        "--enclave-start",
        "-c",
        "--enclave-start",
        text,
        "--enclave-start=name",
        "--enclave-start=; echo $HOME *",
        "--enclave-start-timeout-s=60",
    ];
    let child = command(&setup, &more).spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    sleep(Duration::from_secs(4)).await;
    kill("-TERM", &child.id().unwrap().to_string()).await;
    let (code, _, err) = finish(child).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("booted [2J; echo $HOME *"), "{err}");
    assert!(err.contains("to stderr") && !err.contains('\u{1b}'), "{err}");
}

/// The enclave appears when it was started.
fn start_enclave_later(setup: &Setup) -> tokio::task::JoinHandle<()> {
    let endpoint = setup.config.enclave.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(3)).await;
        let _enclave = start_enclave(&endpoint);
        std::future::pending::<()>().await;
    })
}
