//! Credentials from the agent on a pod's node.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use strongroom_host::credentials::{Container, ContainerError, CredentialsError, Source};
use strongroom_host::limits::CREDENTIALS_TIMEOUT;
use strongroom_link::{Endpoint, Mux};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_SMALL_BYTES;
use strongroom_proto::relay::Credentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::common::{SOON, Setup, dial, until, write};
use crate::process::{command, finish};

const DOCUMENT: &str = r#"{"AccessKeyId":"AC","SecretAccessKey":"SECRET","Token":"TC","AccountId":"111122223333",
    "Expiration":"2030-01-01T00:00:00Z"}"#;

const REQUEST_LINE: [u8; 30] = *b"GET /v1/credentials HTTP/1.1\r\n";

/// An agent that hands out credentials for one token.
struct Agent {
    address: SocketAddr,
    /// What it takes.
    token: Arc<Mutex<String>>,
    /// The `Authorization` of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Agent {
    async fn start() -> Self {
        let (token, asked) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (taken, seen) = (Arc::clone(&token), Arc::clone(&asked));
        let answer = async move |headers: HeaderMap| {
            let all: Vec<_> = headers.get_all("authorization").iter().collect();
            let [given] = all.as_slice() else { return (StatusCode::BAD_REQUEST, "") };
            let given = given.to_str().unwrap().to_owned();
            let known = given == *taken.lock().unwrap();
            seen.lock().unwrap().push(given);
            if known { (StatusCode::OK, DOCUMENT) } else { (StatusCode::BAD_REQUEST, "no such token") }
        };
        Self { address: serve(Router::new().route("/v1/credentials", get(answer))).await, token, asked }
    }

    fn takes(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap());
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn source(setup: &Setup, agent: SocketAddr) -> Source {
    let url = format!("http://{agent}/v1/credentials").parse().unwrap();
    Source::Container(Container { url, token_file: setup.path("token") })
}

/// What an agent that answers so, whatever it is asked, comes to.
async fn with(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Result<(), CredentialsError> {
    let setup = Setup::new();
    write(&setup.path("token"), "token");
    let agent = serve(Router::new().fallback(async move || answer.clone())).await;
    source(&setup, agent).fetch().await.map(drop)
}

async fn ask(services: &Endpoint) -> strongroom_link::Reply {
    let mux = Mux::new(dial(services).await);
    mux.call(Kind::Credentials, Bytes::new(), SOON).await.unwrap()
}

#[tokio::test]
async fn the_agent_gets_the_token_of_the_moment() {
    let agent = Agent::start().await;
    let mut setup = Setup::new();
    setup.config.credentials = source(&setup, agent.address);
    let _host = setup.start_host().await;
    agent.takes("first.token");
    write(&setup.path("token"), "first.token\n");
    let credentials = Credentials::decode(&ask(&setup.config.services).await.body).unwrap();
    assert_eq!((credentials.access_key_id.as_str(), credentials.session_token.as_str()), ("AC", "TC"));
    assert_eq!(credentials.expires_ms, 1_893_456_000_000);

    agent.takes("second.token");
    assert_eq!(ask(&setup.config.services).await.kind, Kind::Absent, "the old token");
    write(&setup.path("token"), "second.token");
    assert_eq!(ask(&setup.config.services).await.kind, Kind::HostReply);
    assert_eq!(agent.asked(), ["first.token", "first.token", "second.token"]);
}

#[tokio::test]
async fn without_a_token_the_agent_is_not_asked() {
    let (agent, setup) = (Agent::start().await, Setup::new());
    let source = source(&setup, agent.address);
    let missing = source.fetch().await.unwrap_err();
    assert_eq!(missing.to_string(), "credentials-container-token-file cannot be read: entity not found");
    for bad in [Vec::new(), b"two words".to_vec(), b"a\r\nx-more: b".to_vec(), vec![b'x'; 20_000]] {
        write(&setup.path("token"), bad);
        let expected = CredentialsError::Container(ContainerError::Token);
        assert_eq!(source.fetch().await, Err(expected));
    }
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn answers_that_are_none_are_refused() {
    let refused = |error| Err(CredentialsError::Container(error));
    assert_eq!(with(DOCUMENT).await, Ok(()));
    assert_eq!(with("{}").await, Err(CredentialsError::Missing("AccessKeyId")));
    assert_eq!(with((StatusCode::NOT_FOUND, DOCUMENT)).await, refused(ContainerError::Status(404)));
    let padded = |bytes: usize| format!("{DOCUMENT}{}", " ".repeat(bytes - DOCUMENT.len()));
    assert_eq!(with(padded(MAX_SMALL_BYTES)).await, Ok(()));
    assert_eq!(with(padded(MAX_SMALL_BYTES + 1)).await, refused(ContainerError::Unexpected));
    // A port that was free a moment ago.
    let setup = Setup::new();
    write(&setup.path("token"), "token");
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let fetched = source(&setup, gone).fetch().await.map(drop);
    assert_eq!(fetched, refused(ContainerError::Unreachable));
}

#[tokio::test]
async fn the_token_follows_no_redirect() {
    let elsewhere = Agent::start().await;
    elsewhere.takes("token");
    let location = format!("http://{}/v1/credentials", elsewhere.address);
    let moved = with((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)])).await;
    assert_eq!(moved, Err(CredentialsError::Container(ContainerError::Status(307))));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_agent_that_never_ends_its_answer_is_given_up() {
    let setup = Setup::new();
    write(&setup.path("token"), "token");
    let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = source(&setup, agent.local_addr().unwrap());
    let stall = async {
        let (mut stream, _) = agent.accept().await.unwrap();
        let mut asked = [0; REQUEST_LINE.len()];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, REQUEST_LINE);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    };
    let began = Instant::now();
    let (fetched, _) = timeout(SOON, async { tokio::join!(source.fetch(), stall) }).await.unwrap();
    assert_eq!(fetched, Err(CredentialsError::Container(ContainerError::Unreachable)));
    assert!(began.elapsed() >= CREDENTIALS_TIMEOUT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn no_log_has_the_token_or_what_it_buys() {
    let (agent, setup) = (Agent::start().await, Setup::new());
    write(&setup.path("token"), "eyJ.token");
    let (url, token) = (format!("http://{}/v1/credentials", agent.address), setup.path("token"));
    let more = ["--log-level=debug", "--credentials-container", &url, "--credentials-container-token-file"];
    let mut host = command(&setup, &[more.as_slice(), &[token.to_str().unwrap()]].concat());
    let child = host.spawn().unwrap();
    until(async || setup.path("ready").exists()).await;
    assert_eq!(ask(&setup.config.services).await.kind, Kind::Absent);
    agent.takes("eyJ.token");
    assert_eq!(ask(&setup.config.services).await.kind, Kind::HostReply);
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let (code, _, err) = finish(child).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("the credentials agent answers 400"), "{err}");
    assert!(!err.contains("eyJ") && !err.contains("SECRET") && !err.contains("no such token"), "{err}");
}

#[tokio::test]
async fn another_host_never_gets_the_token() {
    let text = "store = \".\"\nkms = \"a:1\"\ncredentials_container_token_file = \"token\"\n\
        credentials_container = \"http://169.254.169.254/v1/credentials\"\n";
    let setup = Setup::new();
    write(&setup.path("host.toml"), text);
    let mut host = Command::new(env!("CARGO_BIN_EXE_strongroom-host"));
    host.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    host.arg("--check").arg("--config").arg(setup.path("host.toml"));
    let (code, _, err) = finish(host.spawn().unwrap()).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("not an address of a credentials agent: 169.254.170.23"), "{err}");
}
