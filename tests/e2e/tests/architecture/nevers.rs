//! Each "never" of the architecture, from the trees that cargo resolves.

use super::workspace::{Tree, linked_into, packages, tree};

/// Async runtimes and sockets. A name stands for itself and for everything that starts with it and a dash.
const IO: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "async",
    "smol",
    "futures",
    "vsock",
    "hyper",
    "h2",
    "reqwest",
    "ureq",
    "nix",
    "rustix",
    "quinn",
    "tungstenite",
];
const CRYPTOGRAPHY: &[&str] = &[
    "ring",
    "aws-lc",
    "openssl",
    "rustls",
    "coset",
    "hpke",
    "sha1",
    "sha2",
    "sha3",
    "aes",
    "hmac",
    "hkdf",
    "rsa",
    "p256",
    "p384",
    "ecdsa",
    "ed25519",
    "x25519",
    "curve25519",
    "ml-kem",
    "rand",
    "getrandom",
    "secrecy",
];
const CLOCKS: &[&str] =
    &["time", "chrono", "jiff", "quanta", "coarsetime", "humantime", "instant", "web-time"];
const HTTP_SERVERS: &[&str] = &[
    "axum",
    "tower-http",
    "warp",
    "actix",
    "tonic",
    "rocket",
    "tiny_http",
    "rouille",
    "poem",
    "salvo",
    "hyper-server",
];
const COMMAND_LINES: &[&str] = &["clap", "structopt", "argh", "pico-args", "lexopt", "miette"];
const SETTINGS: &[&str] =
    &["dotenv", "dotenvy", "envy", "config", "figment", "tracing-subscriber", "env_logger"];
const DATABASES: &[&str] = &["rusqlite", "libsqlite3-sys", "sqlx", "redb", "sled"];
const TRACT: &[&str] = &["tract"];
const AWS: &[&str] = &["aws"];
const NSM: &[&str] = &["aws-nitro-enclaves-nsm-api", "strongroom-nsm"];

fn is_one_of(name: &str, families: &[&str]) -> bool {
    families.iter().any(|family| {
        name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

fn found(tree: &Tree, families: &[&str]) -> Vec<String> {
    tree.keys().filter(|package| is_one_of(&package.name, families)).map(ToString::to_string).collect()
}

fn assert_never(package: &str, families: &[&[&str]]) {
    let found = found(&linked_into(package), &families.concat());
    assert!(found.is_empty(), "{package} must never be linked with {found:?}");
}

/// Manifests of ours that name a package of these families, for tests or not.
fn direct_users(families: &[&str]) -> Vec<&'static str> {
    let users = packages().iter().filter(|package| {
        package.dependencies.iter().any(|dependency| is_one_of(&dependency.name, families))
    });
    users.map(|package| package.name.as_str()).collect()
}

#[test]
fn families_of_names_are_told_apart() {
    assert!(is_one_of("tract-onnx", TRACT) && is_one_of("aws-sdk-kms", AWS) && is_one_of("time", CLOCKS));
    assert!(!is_one_of("tracing", TRACT) && !is_one_of("awsome", AWS) && !is_one_of("timeless", CLOCKS));
}

#[test]
fn what_is_linked_would_be_seen() {
    for (package, families) in [
        ("strongroom-enclave", TRACT),
        ("strongroom-enclave", AWS),
        ("strongroom-nsm", NSM),
        ("strongroom-host", HTTP_SERVERS),
        ("strongroom-cli", COMMAND_LINES),
        ("strongroom-link", IO),
        ("strongroom-seal", CRYPTOGRAPHY),
        ("strongroom-kms", CLOCKS),
        ("strongroom-host", DATABASES),
    ] {
        assert!(!found(&linked_into(package), families).is_empty(), "{package} has none of {families:?}");
    }
}

#[test]
fn the_host_has_no_type_for_a_plaintext_no_engine_no_kms_client_and_no_nsm() {
    let sealed = ["strongroom-attestation", "strongroom-seal", "strongroom-engine", "strongroom-kms"];
    let clients = ["aws-sdk", "aws-smithy", "aws-config", "aws-runtime"];
    assert_never("strongroom-host", &[&sealed, TRACT, &clients, NSM]);
}

#[test]
fn proto_has_no_sockets_no_async_and_no_cryptography() {
    assert_never("strongroom-proto", &[IO, CRYPTOGRAPHY, CLOCKS, AWS]);
}

#[test]
fn attestation_has_no_sockets_no_clock_and_no_nsm_device() {
    assert_never("strongroom-attestation", &[IO, CLOCKS, NSM]);
}

#[test]
fn controls_and_monitor_have_no_sockets_no_clock_and_no_nsm_device() {
    assert_never("strongroom-controls", &[IO, CLOCKS, NSM, TRACT]);
    assert_never("strongroom-monitor", &[IO, CLOCKS, NSM, TRACT]);
}

#[test]
fn the_enclave_and_the_client_library_have_no_database() {
    assert_never("strongroom-enclave", &[DATABASES]);
    assert_never("strongroom-client", &[DATABASES]);
}

#[test]
fn rates_by_address_are_the_hosts_alone() {
    assert_never("strongroom-enclave", &[&["governor"]]);
    assert_never("strongroom-client", &[&["governor"]]);
    assert_eq!(direct_users(&["governor"]), ["strongroom-host"]);
}

#[test]
fn seal_has_no_sockets_no_clock_and_no_nsm_device() {
    assert_never("strongroom-seal", &[IO, CLOCKS, NSM]);
}

#[test]
fn the_enclave_has_no_http_server_no_command_line_and_no_settings_from_outside() {
    // hyper's own server is one feature away from its client. That none of it is linked, a test of the
    // binary asserts.
    assert_never("strongroom-enclave", &[HTTP_SERVERS, COMMAND_LINES, SETTINGS]);
}

#[test]
fn the_enclave_has_nothing_of_the_tests() {
    let ours: Vec<_> = packages().iter().filter(|package| !package.is_production()).collect();
    assert!(!ours.is_empty());
    let names: Vec<_> = ours.iter().map(|package| package.name.as_str()).collect();
    assert_never("strongroom-enclave", &[&names, &["rcgen", "tempfile", "proptest"]]);
}

#[test]
fn the_client_library_has_no_engine_no_link_no_command_line_and_no_aws_sdk() {
    let ours = ["strongroom-link", "strongroom-engine", "strongroom-kms"];
    assert_never("strongroom-client", &[&ours, TRACT, COMMAND_LINES, AWS, NSM, &["vsock", "tokio-vsock"]]);
}

#[test]
fn only_link_uses_vsock() {
    assert_eq!(direct_users(&["tokio-vsock", "vsock"]), ["strongroom-link"]);
}

#[test]
fn only_the_engine_uses_tract() {
    assert_eq!(direct_users(TRACT), ["strongroom-engine"]);
}

#[test]
fn only_kms_uses_the_aws_sdk_and_the_fuzz_targets_its_readers() {
    assert_eq!(direct_users(&["aws-sdk", "aws-config"]), ["strongroom-kms", "strongroom-targets"]);
}

#[test]
fn only_nsm_uses_the_device() {
    assert_eq!(direct_users(&["aws-nitro-enclaves-nsm-api"]), ["strongroom-nsm"]);
}

#[test]
fn no_manifest_turns_on_an_http_feature_of_the_aws_sdk() {
    let dependencies = packages().iter().flat_map(|package| &package.dependencies);
    for sdk in dependencies.filter(|dependency| is_one_of(&dependency.name, &["aws-sdk"])) {
        assert!(!sdk.default_features, "{} with default features", sdk.name);
        assert_eq!(sdk.features, ["rt-tokio"], "{}", sdk.name);
    }
}

#[test]
fn nothing_in_the_workspace_brings_the_old_http_stack() {
    let tree = tree(&["--workspace", "--edges=normal,build,dev"]);
    let http =
        found(&tree, &["aws-smithy-http-client", "aws-smithy-legacy-http", "native-tls", "openssl-sys"]);
    assert!(http.is_empty(), "{http:?}");
    let hyper: Vec<_> = tree.keys().filter(|package| package.name == "hyper").collect();
    assert!(!hyper.is_empty() && hyper.iter().all(|package| package.version.starts_with("1.")), "{hyper:?}");
    let h2 = tree.keys().filter(|package| package.name == "h2" && package.version.starts_with("0.3"));
    assert_eq!(h2.count(), 0);
}
