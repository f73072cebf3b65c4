use std::os::unix::fs::symlink;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use strongroom_host::credentials::{CredentialsError, ImdsError, Source};
use strongroom_link::{LinkError, Mux, Reply};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_RANGE_BYTES;
use strongroom_proto::relay::{BootDocuments, Credentials, Range};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::common::{SOON, Setup, dial, until, write};

async fn ask(mux: &Mux, kind: Kind, body: impl Into<Bytes>) -> Reply {
    mux.call(kind, body.into(), SOON).await.unwrap()
}

async fn services(setup: &Setup) -> Mux {
    Mux::new(dial(&setup.config.services).await)
}

fn range(package: &str, offset: u64, length: u32) -> Vec<u8> {
    Range { package: package.parse().unwrap(), offset, length }.encode().unwrap()
}

#[tokio::test]
async fn an_enclave_boots_from_the_store() {
    let setup = Setup::new();
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    assert_eq!(ask(&mux, Kind::Boot, "").await.kind, Kind::Absent);
    write(&setup.path("store/charter.cose"), "charter");
    write(&setup.path("store/release.bundle"), "release");
    let reply = ask(&mux, Kind::Boot, "").await;
    let documents = BootDocuments::decode(&reply.body).unwrap();
    assert_eq!(
        documents,
        BootDocuments { charter: b"charter".to_vec(), release: b"release".to_vec(), state: vec![] }
    );
}

#[tokio::test]
async fn packages_are_read_in_ranges_and_nothing_else_is() {
    let setup = Setup::new();
    let host = setup.start_host().await;
    let package: Vec<u8> = (0..MAX_RANGE_BYTES + 1000).map(|n| n as u8).collect();
    write(&setup.path("store/packages/fraud@1.sealed"), &package);
    write(&setup.path("secret"), "not in the store");
    symlink(setup.path("secret"), setup.path("store/packages/odd@1.sealed")).unwrap();
    let mux = services(&setup).await;

    let most = u32::try_from(MAX_RANGE_BYTES).unwrap();
    let first = ask(&mux, Kind::Range, range("fraud@1", 0, most)).await;
    let rest = ask(&mux, Kind::Range, range("fraud@1", most.into(), most)).await;
    assert_eq!((first.kind, rest.kind), (Kind::HostReply, Kind::HostReply));
    assert!([first.body, rest.body].concat() == package);
    assert_eq!(host.metric("package_bytes_total").await, Some(package.len() as u64));

    for absent in [range("fraud@2", 0, 1), range("odd@1", 0, 1), range("fraud@1", 0, most + 1)] {
        assert_eq!(ask(&mux, Kind::Range, absent).await.kind, Kind::Absent);
    }
    for odd in ["../../x@1", "a/b@1", "..@1", "fraud@../1", "Fraud@1"] {
        let (name, version) = odd.split_once('@').unwrap();
        let good = range(&format!("{}@{}", "z".repeat(name.len()), "y".repeat(version.len())), 0, 1);
        let bytes =
            replace(&replace(&good, &"z".repeat(name.len()), name), &"y".repeat(version.len()), version);
        assert_ne!(bytes, good);
        assert_eq!(ask(&mux, Kind::Range, bytes).await.kind, Kind::Absent, "{odd}");
    }
    assert_eq!(ask(&mux, Kind::Range, "not a range").await.kind, Kind::Absent);
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    // Only the value, which follows its length byte; the keys hold no run of these letters.
    let at = bytes.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[tokio::test]
async fn the_host_serves_only_what_belongs_to_it() {
    let setup = Setup::new();
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    let reply = mux.call(Kind::Status, Bytes::new(), SOON).await;
    assert_eq!(reply.err(), Some(LinkError::Lost));
}

#[tokio::test]
async fn log_lines_are_taken_and_the_connection_goes_on() {
    let setup = Setup::new();
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    mux.send(Kind::Log, "booted\x1b[2J\nforged line".into()).unwrap();
    assert_eq!(ask(&mux, Kind::Boot, "").await.kind, Kind::Absent);
}

#[tokio::test]
async fn credentials_come_from_the_file_of_the_moment() {
    let setup = Setup::new();
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    assert_eq!(ask(&mux, Kind::Credentials, "").await.kind, Kind::Absent);
    let json = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T",
        "Expiration":"2030-01-01T00:00:00Z"}"#;
    write(&setup.path("credentials.json"), json);
    let reply = ask(&mux, Kind::Credentials, "").await;
    let credentials = Credentials::decode(&reply.body).unwrap();
    assert_eq!(
        (credentials.access_key_id.as_str(), credentials.session_token.as_str(), credentials.expires_ms),
        ("A", "T", 1_893_456_000_000)
    );
}

/// A metadata service that insists on version 2.
async fn start_imds(role: &'static str) -> Source {
    let authorized =
        |headers: &HeaderMap| headers.get("x-aws-ec2-metadata-token").is_some_and(|t| t == "token==");
    let token = async |headers: HeaderMap| {
        let asked = headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds");
        if asked { (StatusCode::OK, "token==") } else { (StatusCode::BAD_REQUEST, "") }
    };
    let roles = async move |headers: HeaderMap| {
        if authorized(&headers) { (StatusCode::OK, role) } else { (StatusCode::UNAUTHORIZED, "") }
    };
    let credentials = async move |Path(asked): Path<String>, headers: HeaderMap| {
        let json = r#"{"Code":"Success","LastUpdated":"2024-01-01T00:00:00Z","Type":"AWS-HMAC",
            "AccessKeyId":"AI","SecretAccessKey":"SI","Token":"TI","Expiration":"2030-01-01T00:00:00Z"}"#;
        let known = authorized(&headers) && asked == role;
        if known { (StatusCode::OK, json) } else { (StatusCode::NOT_FOUND, "") }
    };
    let roles_path = "/latest/meta-data/iam/security-credentials/";
    let router = Router::new()
        .route("/latest/api/token", put(token))
        .route(roles_path, get(roles))
        .route(&format!("{roles_path}{{role}}"), get(credentials));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Source::Imds(format!("http://{address}").parse().unwrap())
}

#[tokio::test]
async fn credentials_come_from_the_metadata_service() {
    let mut setup = Setup::new();
    setup.config.credentials = start_imds("host-role").await;
    let _host = setup.start_host().await;
    let reply = ask(&services(&setup).await, Kind::Credentials, "").await;
    let credentials = Credentials::decode(&reply.body).unwrap();
    assert_eq!((credentials.access_key_id.as_str(), credentials.session_token.as_str()), ("AI", "TI"));
}

#[tokio::test]
async fn a_metadata_service_that_misbehaves_gives_no_credentials() {
    let odd_role = start_imds("../../api").await;
    assert_eq!(odd_role.fetch().await, Err(CredentialsError::Imds(ImdsError::Unexpected)));
    // A port that was free a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = Source::Imds(format!("http://{gone}").parse().unwrap());
    assert_eq!(gone.fetch().await, Err(CredentialsError::Imds(ImdsError::Unreachable)));
}

#[tokio::test]
async fn the_tunnel_reaches_its_one_destination() {
    let mut setup = Setup::new();
    let kms = TcpListener::bind("127.0.0.1:0").await.unwrap();
    setup.config.kms = kms.local_addr().unwrap().to_string().parse().unwrap();
    let host = setup.start_host().await;
    let mut near = dial(&setup.config.tunnel).await;
    let (mut far, _) = kms.accept().await.unwrap();

    // Whatever the enclave's first bytes say, they go to the same place.
    let ask = b"CONNECT elsewhere:443 HTTP/1.1\r\n\r\n";
    near.write_all(ask).await.unwrap();
    let mut got = vec![0; ask.len()];
    far.read_exact(&mut got).await.unwrap();
    assert_eq!(got, ask);
    let answer = vec![7; 1_000_000];
    let sent = answer.clone();
    tokio::spawn(async move { far.write_all(&sent).await });
    let mut got = Vec::new();
    near.read_to_end(&mut got).await.unwrap();
    assert!(got == answer);
    until(async || host.metric("tunnel_in_bytes_total").await == Some(1_000_000)).await;
    assert_eq!(host.metric("tunnel_out_bytes_total").await, Some(ask.len() as u64));
}

#[tokio::test]
async fn a_tunnel_connection_ends_when_idle_or_without_destination() {
    let mut setup = Setup::new();
    let kms = TcpListener::bind("127.0.0.1:0").await.unwrap();
    setup.config.kms = kms.local_addr().unwrap().to_string().parse().unwrap();
    setup.config.timing.tunnel_idle = Duration::from_millis(150);
    let _host = setup.start_host().await;
    let mut near = dial(&setup.config.tunnel).await;
    let (mut far, _) = kms.accept().await.unwrap();
    assert_eq!(timeout(SOON, near.read(&mut [0])).await.unwrap().unwrap(), 0);
    assert_eq!(timeout(SOON, far.read(&mut [0])).await.unwrap().unwrap(), 0);

    drop(kms);
    let mut near = dial(&setup.config.tunnel).await;
    assert_eq!(timeout(SOON, near.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn tunnel_connections_are_bounded() {
    let mut setup = Setup::new();
    let kms = TcpListener::bind("127.0.0.1:0").await.unwrap();
    setup.config.kms = kms.local_addr().unwrap().to_string().parse().unwrap();
    let _host = setup.start_host().await;
    let mut held = Vec::new();
    for _ in 0..strongroom_host::limits::MAX_TUNNEL_CONNECTIONS {
        held.push((dial(&setup.config.tunnel).await, kms.accept().await.unwrap()));
    }
    let mut beyond = dial(&setup.config.tunnel).await;
    assert_eq!(timeout(SOON, beyond.read(&mut [0])).await.unwrap().unwrap(), 0);
}
