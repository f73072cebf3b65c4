use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use strongroom_host::limits::ACCEPT_PAUSE;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::common::{SOON, Setup, get, start_enclave, until};

pub(crate) fn command(setup: &Setup, more: &[&str]) -> Command {
    let at = |name: &str| setup.path(name).to_str().unwrap().to_owned();
    let unix = |name: &str| format!("unix:{}", at(name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom-host"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--kms", "127.0.0.1:9"]);
    command.args(["--enclave", &unix("enclave.sock"), "--services", &unix("services.sock")]);
    command.args(["--tunnel", &unix("tunnel.sock")]);
    if !more.contains(&"--store") {
        command.args(["--store", &at("store")]);
    }
    if !more.contains(&"--credentials-container") {
        command.args(["--credentials-file", &at("credentials.json")]);
    }
    command.args(["--ready-file", &at("ready")]).args(more);
    command
}

pub(crate) async fn finish(mut child: Child) -> (Option<i32>, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    let status = timeout(SOON, child.wait()).await.unwrap().unwrap();
    child.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).await.unwrap();
    (status.code(), out, err)
}

#[tokio::test]
async fn the_process_tells_its_address_and_ends_cleanly() {
    let setup = Setup::new();
    let _enclave = start_enclave(&setup.config.enclave);
    let child = command(&setup, &["--log-format", "json"]).spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    let text = std::fs::read_to_string(setup.path("ready")).unwrap();
    let address: SocketAddr = text.trim_end().parse().unwrap();
    until(async || get(address, "/readyz").await.status == 200).await;

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let (code, out, err) = finish(child).await;
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let listening = err.lines().find(|line| line.contains("\"listening\"")).unwrap();
    assert!(listening.contains(&address.to_string()) && listening.starts_with('{'), "{listening}");
}

#[tokio::test]
async fn check_looks_and_binds_nothing() {
    let setup = Setup::new();
    let (code, ..) = finish(command(&setup, &["--check"]).spawn().unwrap()).await;
    assert_eq!(code, Some(0));
    sleep(Duration::from_millis(50)).await;
    assert!(!setup.path("services.sock").exists() && !setup.path("ready").exists());
    let (code, _, err) = finish(command(&setup, &["--check", "--tls-cert", "c"]).spawn().unwrap()).await;
    assert_eq!((code, err.as_str()), (Some(2), "strongroom-host: tls-cert and tls-key need each other\n"));
}

/// A service manager starts a failed host again, and leaves an unusable configuration alone.
#[tokio::test]
async fn an_unusable_configuration_ends_a_start_with_2() {
    let setup = Setup::new();
    let path = setup.path("file");
    std::fs::write(&path, "neither PEM nor a directory").unwrap();
    let file = path.to_str().unwrap();
    for (more, why) in [
        (["--tls-cert", file, "--tls-key", file].as_slice(), "no private key in PEM"),
        (&["--state-dir", file], "not a directory"),
    ] {
        let (code, _, err) = finish(command(&setup, more).spawn().unwrap()).await;
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(file) && err.contains(why), "{err}");
    }
}

/// Too few file descriptors is what an operator can do something about, if told.
#[tokio::test]
async fn clients_that_cannot_be_accepted_are_told_of_once_and_counted() {
    let setup = Setup::new();
    let host = command(&setup, &["--log-format", "json"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(host.as_std().get_program());
    shell.args(host.as_std().get_args()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = shell.spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    let address: SocketAddr =
        std::fs::read_to_string(setup.path("ready")).unwrap().trim_end().parse().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let metrics = loop {
        let line: Value = serde_json::from_str(&log.next_line().await.unwrap().unwrap()).unwrap();
        if line["fields"]["message"] == "listening" {
            break line["fields"]["metrics"].as_str().unwrap().parse::<SocketAddr>().unwrap();
        }
    };
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    // Several attempts fail meanwhile.
    sleep(10 * ACCEPT_PAUSE).await;
    drop(clients);
    until(async || get(address, "/livez").await.status == 200).await;
    let text = String::from_utf8(get(metrics, "/metrics").await.body.to_vec()).unwrap();
    let name = "strongroom_host_accept_failures_total ";
    let failures: u64 = text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap();
    assert!(failures > 4, "{failures}");

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let mut told = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["fields"]["what"] == "clients" {
            told.push(line["fields"]["message"].as_str().unwrap().to_owned());
        }
    }
    // A descriptor that is free for a moment is an end, too.
    let changes = ["cannot accept", "connections are accepted again"].into_iter().cycle();
    assert!(told.len() % 2 == 0 && told.iter().zip(changes).all(|(told, each)| told == each), "{told:?}");
    assert!(!told.is_empty() && (told.len() as u64) < failures, "{told:?} of {failures}");
}
