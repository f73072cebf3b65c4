//! What the shipped binaries contain, read from their bytes, and what starts the measured one.
//!
//! Every search has its counterpart: the same bytes are found where they belong, so that finding nothing
//! means something.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail with the test")]

use std::path::Path;
use std::process::{Command, Stdio};

use strongroom_sim::world::Binaries;

const ENCLAVE: &str = "strongroom-enclave";
const SIMULATED: &str = "strongroom-sim-enclave";
const HOST: &str = "strongroom-host";

/// Traces of the simulation: what it says, the names in its certificates, its measurements' labels, its
/// crate's symbols and those of the crate that makes its certificates.
const SIMULATION: &[&str] = &[
    "SIMULATED",
    "SIMULATION",
    "simulated.nitro-enclaves",
    "strongroom simulation: kernel",
    "strongroom-sim",
    "strongroom_sim",
    "5rcgen",
];

/// Traces of what the host must not have: labels of what is signed, and symbols.
const SEALED: &[&str] = &[
    "strongroom/claims-v1",
    "strongroom/channel-v1",
    "strongroom/model-manifest-v1",
    "17strongroom_engine",
    "22strongroom_attestation",
    "15strongroom_seal",
    "10tract_core",
    "11aws_sdk_kms",
];

/// Traces of hyper's server, which is one feature away from its client. Symbols name it so under both
/// manglings of Rust.
const HTTP_SERVER: &[&str] = &["5hyper6server", "4axum"];

/// How a private key in PEM begins (RFC 7468, RFC 5915, RFC 8017).
const PRIVATE_KEYS: &[&str] =
    &["-----BEGIN PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"];

fn read(name: &str) -> Vec<u8> {
    let path = Binaries::beside_this_one().unwrap().path(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: build the workspace first", path.display()))
}

fn found<'a>(traces: &[&'a str], bytes: &[u8]) -> Vec<&'a str> {
    let is_in = |trace: &&&str| bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
    traces.iter().filter(is_in).copied().collect()
}

/// Asserts that a binary has none of these traces and that another has them all.
fn assert_only_in(traces: &[&str], with: &str, without: &str) {
    assert_eq!(found(traces, &read(with)), traces, "the search does not find what {with} certainly has");
    let none: [&str; 0] = [];
    assert_eq!(found(traces, &read(without)), none, "{without} has traces of what it must not have");
}

#[test]
fn the_measured_enclave_contains_no_simulated_root_and_no_simulated_signer() {
    assert_only_in(SIMULATION, SIMULATED, ENCLAVE);
}

#[test]
fn the_host_contains_nothing_that_could_open_or_judge_what_it_relays() {
    assert_only_in(SEALED, ENCLAVE, HOST);
}

#[test]
fn the_measured_enclave_contains_no_http_server() {
    assert_only_in(HTTP_SERVER, HOST, ENCLAVE);
}

#[test]
fn no_shipped_binary_of_the_server_contains_a_private_key() {
    let planted = PRIVATE_KEYS.concat();
    assert_eq!(found(PRIVATE_KEYS, planted.as_bytes()), PRIVATE_KEYS);
    for name in [ENCLAVE, HOST] {
        assert!(found(PRIVATE_KEYS, &read(name)).is_empty(), "{name}");
    }
}

/// What somebody might try to set.
const SETTINGS: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "ASIASIMULATEDHOST"),
    ("AWS_SECRET_ACCESS_KEY", "simulated-secret"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1"),
    ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
    ("SSLKEYLOGFILE", "/dev/stderr"),
    ("RUST_BACKTRACE", "full"),
    ("RUST_LOG", "trace"),
    ("STRONGROOM_KMS_ROOTS", "/etc/ssl/certs/ca-certificates.crt"),
    ("STRONGROOM_LOG", "trace"),
    ("STRONGROOM_NSM", "simulated"),
    ("STRONGROOM_PARENT_CID", "3"),
    ("STRONGROOM_SIMULATION", "true"),
];

const ARGUMENTS: &[&str] =
    &["--help", "--debug", "--parent-cid=3", "--pki=/", "--service=unix:/nowhere/enclave"];

#[test]
fn neither_environment_nor_arguments_get_the_measured_enclave_to_start_elsewhere() {
    if Path::new("/dev/nsm").exists() || Path::new("/etc/strongroom").exists() {
        eprintln!(
            "SKIPPED: this machine looks like an enclave, where strongroom-enclave would start for real"
        );
        return;
    }
    let bare = start(&[], &[]);
    assert_eq!(bare.0, Some(1));
    assert_eq!(bare.1, "strongroom-enclave: not the first process of an enclave\n");
    assert_eq!(start(SETTINGS, &[]), bare, "the environment made a difference");
    assert_eq!(start(&[], ARGUMENTS), bare, "arguments made a difference");
}

/// Exit code and stderr.
fn start(environment: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(Binaries::beside_this_one().unwrap().path(ENCLAVE));
    command.env_clear().envs(environment.iter().copied()).args(arguments);
    let output = command.stdin(Stdio::null()).output().expect("strongroom-enclave starts");
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
