//! The command. What each line says is tested beside it.

use std::process::Stdio;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::common::{Setup, write};
use crate::process::finish;

fn doctor(setup: &Setup, more: &[&str]) -> Command {
    let at = |name: &str| setup.path(name).to_str().unwrap().to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom-host"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).arg("doctor");
    command.args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
    command.args(["--enclave=unix:e", "--services=unix:s", "--tunnel=unix:t"]);
    command.args(["--store", &at("store"), "--credentials-file", &at("credentials.json")]).args(more);
    command
}

#[tokio::test]
async fn it_says_what_is_missing_and_ends_with_the_verdict() {
    let setup = Setup::new();
    let kms = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kms = kms.local_addr().unwrap().to_string();
    let (code, out, err) = finish(doctor(&setup, &["--kms", &kms]).spawn().unwrap()).await;
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    assert!(out.contains("FAIL store: charter.cose: entity not found\n     do: copy"), "{out}");
    assert!(out.contains("SKIP vsock: the enclave is behind a unix socket\n"), "{out}");
    assert!(out.lines().last().unwrap().starts_with("verdict: "), "{out}");
}

#[tokio::test]
async fn a_machine_without_faults_ends_well_and_json_says_the_same() {
    let setup = Setup::new();
    for (name, text) in [
        ("store/charter.cose", "charter"),
        ("store/release.bundle", "release"),
        ("store/packages/fraud@1.sealed", "package"),
        (
            "credentials.json",
            r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2999-01-01T00:00:00Z"}"#,
        ),
    ] {
        write(&setup.path(name), text);
    }
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&setup.path("cert.pem"), cert.pem());
    write(&setup.path("key.pem"), signing_key.serialize_pem());
    let kms = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        "kms = \"{}\"\nmax_connections = 16\ntls_cert = {:?}\ntls_key = {:?}\n",
        kms.local_addr().unwrap(),
        setup.path("cert.pem"),
        setup.path("key.pem")
    );
    write(&setup.path("host.toml"), text);
    let path = setup.path("host.toml");
    let more = ["--config", path.to_str().unwrap(), "--json"];
    let (code, out, _) = finish(doctor(&setup, &more).spawn().unwrap()).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["verdict"].as_str()), (Some(0), Some("pass")), "{out}");
    let tls = report["checks"].as_array().unwrap().iter().find(|line| line["id"] == "tls").unwrap();
    assert_eq!(tls["status"], "pass");
}

#[tokio::test]
async fn what_it_cannot_understand_is_usage() {
    let setup = Setup::new();
    for more in [["--config", "/no/such/file"], ["--kms", "nowhere"], ["--no-such-flag", "x"]] {
        let (code, out, err) = finish(doctor(&setup, &more).spawn().unwrap()).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{more:?}");
        assert!(!err.is_empty());
    }
    // A setting belongs behind the word.
    let mut before = Command::new(env!("CARGO_BIN_EXE_strongroom-host"));
    before.args(["--store", ".", "doctor"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_eq!(finish(before.spawn().unwrap()).await.0, Some(2));
}
