use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

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
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!setup.path("services.sock").exists() && !setup.path("ready").exists());
    let (code, _, err) = finish(command(&setup, &["--check", "--tls-cert", "c"]).spawn().unwrap()).await;
    assert_eq!((code, err.as_str()), (Some(2), "strongroom-host: tls-cert and tls-key need each other\n"));
}
