use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use strongroom_host::config::AddressLimit;
use strongroom_proto::limits::MAX_FRAME_BYTES;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::common::{ECHO, Reply, RunningHost, SLEEP, SOON, Setup, h2, h2_post, send_from, until};

/// Sends bytes as they are and reads the first line of what comes back.
async fn raw(host: &RunningHost, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host.edge).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        match timeout(SOON, stream.read_u8()).await.unwrap() {
            Ok(byte) => answer.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_nonce_has_exactly_its_length_and_a_message_is_not_empty() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    assert_eq!(host.post("/v1/hello", vec![0; 31]).await.refusal(), (400, "malformed\n"));
    assert_eq!(host.post("/v1/hello", vec![0; 33]).await.refusal(), (413, "too large\n"));
    assert_eq!(host.post("/v1/message", "").await.refusal(), (400, "malformed\n"));
}

#[tokio::test]
async fn an_announced_length_beyond_the_bound_is_refused_before_the_body() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    let announce = |length: usize| {
        format!("POST /v1/message HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n").into_bytes()
    };
    assert_eq!(raw(&host, &announce(MAX_FRAME_BYTES + 1)).await, "HTTP/1.1 413 Payload Too Large\r\n");
    // Without an announcement the bytes are counted.
    let chunked = b"POST /v1/hello HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n\
        21\r\n012345678901234567890123456789012\r\n0\r\n\r\n";
    assert_eq!(raw(&host, chunked).await, "HTTP/1.1 413 Payload Too Large\r\n");
}

#[tokio::test]
async fn too_large_headers_are_refused() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    let long = format!("GET /livez HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    assert!(raw(&host, long.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET /livez HTTP/1.1\r\nhost: test\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert!(raw(&host, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let mut setup = Setup::new();
    setup.config.timing.stall = Duration::from_millis(200);
    let (host, _enclave) = setup.start().await;
    let half = b"POST /v1/message HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nhalf";
    assert_eq!(raw(&host, half).await, "HTTP/1.1 400 Bad Request\r\n");

    // One byte at a time is never a stall, but the whole takes too long.
    setup.config.timing.body = Duration::from_millis(400);
    setup.config.services = strongroom_link::Endpoint::Unix(setup.path("services2.sock"));
    setup.config.tunnel = strongroom_link::Endpoint::Unix(setup.path("tunnel2.sock"));
    let host = setup.start_host().await;
    let (mut reader, mut writer) = TcpStream::connect(host.edge).await.unwrap().into_split();
    let drip = tokio::spawn(async move {
        let head = b"POST /v1/message HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n";
        writer.write_all(head).await.unwrap();
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut line = [0; 12];
    timeout(SOON, reader.read_exact(&mut line)).await.unwrap().unwrap();
    assert_eq!(&line, b"HTTP/1.1 400");
    drip.abort();
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let mut setup = Setup::new();
    setup.config.timing.idle = Duration::from_millis(500);
    let (host, _enclave) = setup.start().await;
    let started = Instant::now();
    let mut stream = TcpStream::connect(host.edge).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(400) && answer.is_empty());
}

#[tokio::test]
async fn one_request_too_many_is_told_to_wait_at_once() {
    let mut setup = Setup::new();
    setup.config.max_requests = 1;
    let (host, _enclave) = setup.start().await;
    let mut sender = h2(host.edge).await;
    let mut other = sender.clone();
    let slow = tokio::spawn(async move { h2_post(&mut other, "/v1/message", vec![SLEEP]).await });
    until(async || host.metric("requests_in_flight").await == Some(1)).await;
    let refused = h2_post(&mut sender, "/v1/message", vec![ECHO]).await;
    assert_eq!((refused.refusal(), refused.header("retry-after")), ((429, "busy\n"), "1"));
    assert_eq!(host.metric("requests_in_flight").await, Some(1), "it did not wait for the slow one");
    assert_eq!(slow.await.unwrap().body, "slept");
    assert_eq!(h2_post(&mut sender, "/v1/message", vec![ECHO]).await.status, 200);
}

/// Or whoever resets its requests would have more in the enclave than there are places.
#[tokio::test]
async fn a_client_that_goes_keeps_its_place_while_the_enclave_works_for_it() {
    let mut setup = Setup::new();
    setup.config.max_requests = 2;
    let (host, enclave) = setup.start().await;
    let mut sender = h2(host.edge).await;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { h2_post(&mut sender, "/v1/message", vec![SLEEP, 4]).await })
        })
        .collect();
    until(async || enclave.fake.messages.load(Ordering::Relaxed) == 2).await;
    // Given up, each stream is reset, before what comes next on the connection.
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    for given_up in slow {
        assert!(given_up.await.unwrap_err().is_cancelled());
    }
    let refused = h2_post(&mut sender, "/v1/message", vec![ECHO]).await;
    assert_eq!(refused.refusal(), (429, "busy\n"), "both are still worked on");
    assert_eq!(host.metric("requests_in_flight").await, Some(2));
    until(async || h2_post(&mut sender, "/v1/message", vec![ECHO]).await.status == 200).await;
}

/// Kinds of frames of HTTP/2 (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Bodies that are on their way when the refusal comes are no fault of the client's: its connection stays.
#[tokio::test]
async fn a_client_that_is_refused_again_and_again_keeps_its_connection() {
    // More than the 1024 that a connection would have, and the 50 streams that are remembered after a reset.
    const REFUSALS: u32 = 1200;
    let mut setup = Setup::new();
    setup.config.max_requests = 1;
    setup.config.timing.stall = Duration::from_secs(100);
    let (host, _enclave) = setup.start().await;
    let mut holder = TcpStream::connect(host.edge).await.unwrap();
    holder
        .write_all(b"POST /v1/message HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nhalf")
        .await
        .unwrap();
    until(async || host.metric("requests_in_flight").await == Some(1)).await;
    let mut stream = TcpStream::connect(host.edge).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    // POST, http, path and authority (RFC 7541 appendix A).
    let head = [&[0x83, 0x86, 0x04, 11], b"/v1/message".as_slice(), &[0x01, 4], b"test"].concat();
    for number in 0..REFUSALS {
        let id = 2 * number + 1;
        stream.write_all(&frame(HEADERS, 4, id, &head)).await.unwrap();
        loop {
            let mut header = [0; 9];
            timeout(SOON, stream.read_exact(&mut header)).await.unwrap().unwrap();
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).await.unwrap();
            assert_ne!(header[3], GOAWAY, "after {number} refusals");
            if header[3] == HEADERS && header[5..] == id.to_be_bytes() {
                break;
            }
        }
        stream.write_all(&frame(DATA, 1, id, b"e")).await.unwrap();
    }
}

/// Others may share the connection: a proxy's, for instance.
#[tokio::test]
async fn an_answer_that_is_not_taken_ends_its_connection_after_what_else_is_in_flight() {
    let mut setup = Setup::new();
    setup.config.timing.answer_stall = Duration::from_millis(500);
    setup.config.timing.grace = Duration::from_secs(3);
    let (host, _enclave) = setup.start().await;
    let stream = TokioIo::new(TcpStream::connect(host.edge).await.unwrap());
    let mut client = http2::Builder::new(TokioExecutor::new());
    client.initial_stream_window_size(1000);
    let (mut sender, connection) = client.handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let large = Full::new(Bytes::from(vec![ECHO; 200_000]));
    let untaken = sender.send_request(Request::post("http://test/v1/message").body(large).unwrap()).await;
    let untaken = untaken.unwrap();
    assert_eq!(untaken.status(), 200);

    // It ends after the connection was told to take no more.
    assert_eq!(h2_post(&mut sender, "/v1/message", vec![SLEEP]).await.body, "slept");
    until(async || host.metric("connections_untaken_total").await == Some(1)).await;
    let _ = timeout(SOON, connection).await.expect("the connection stays");
    assert!(untaken.into_body().collect().await.is_err());
    assert_eq!(host.post("/v1/message", vec![ECHO]).await.status, 200);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let mut setup = Setup::new();
    setup.config.max_connections = 1;
    let (host, _enclave) = setup.start().await;
    until(async || host.metric("connections").await == Some(0)).await;
    let mut first = h2(host.edge).await;
    assert_eq!(h2_post(&mut first, "/v1/message", vec![ECHO]).await.status, 200);
    assert_eq!(raw(&host, b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").await, "");
    assert_eq!(host.metric("connections_refused_total").await, Some(1));
    assert_eq!(h2_post(&mut first, "/v1/message", vec![ECHO]).await.status, 200);
}

#[tokio::test]
async fn an_enclave_that_does_not_answer_in_time_is_unavailable() {
    let mut setup = Setup::new();
    setup.config.timing.request = Duration::from_millis(100);
    let (host, _enclave) = setup.start().await;
    assert_eq!(host.post("/v1/message", vec![SLEEP]).await.refusal(), (503, "unavailable\n"));
    assert_eq!(host.post("/v1/message", vec![ECHO]).await.status, 200);
}

/// Sends a request over a connection from `from` that says to come for somebody else, another one each time.
async fn ask(host: &RunningHost, from: IpAddr, path: &str, number: u32) -> Reply {
    let somebody = format!("198.51.100.{}", number % 256);
    let request = Request::post(path)
        .header("host", "test")
        .header("x-forwarded-for", &somebody)
        .header("x-real-ip", &somebody)
        .header("forwarded", format!("for={somebody}"));
    let body = if path == "/v1/hello" { vec![0; 32] } else { vec![ECHO] };
    send_from(from, host.edge, request.body(Full::new(Bytes::from(body))).unwrap()).await
}

/// The enclave is fair between keys, but of what reaches it alone.
#[tokio::test]
async fn an_address_with_many_requests_leaves_places_to_others() {
    let setup = Setup::new();
    let places = setup.config.max_requests as u64;
    let (host, _enclave) = setup.start().await;
    let [one, two]: [IpAddr; 2] = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().unwrap());
    let crowd = |count: u64| {
        let asleep = || Request::post("/v1/message").header("host", "test").body(Full::from(vec![SLEEP]));
        (0..count).map(|_| send_from(two, host.edge, asleep().unwrap())).collect::<JoinSet<_>>()
    };

    let alone = crowd(places);
    until(async || host.metric("requests_in_flight").await == Some(places)).await;
    assert_eq!(ask(&host, one, "/v1/message", 0).await.refusal(), (429, "busy\n"), "all are taken");
    assert!(alone.join_all().await.iter().all(|reply| reply.status == 200));

    let among_others = crowd(2 * places);
    until(async || host.metric("requests_in_flight").await == Some(places - 1)).await;
    assert_eq!(ask(&host, one, "/v1/message", 0).await.status, 200, "one is left");
    let replies = among_others.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count() as u64, places - 1);
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_to_wait_and_nobody_else_is() {
    let mut setup = Setup::new();
    let (rate, burst) = (NonZeroU32::MIN, NonZeroU32::new(4).unwrap());
    setup.config.address_limit = Some(AddressLimit { rate, burst });
    let (host, _enclave) = setup.start().await;
    let [one, two]: [IpAddr; 2] = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().unwrap());
    assert_eq!(host.metric("address_limited_total").await, Some(0), "/readyz is not limited");

    // Hellos and messages count alike. A slow machine gets some more through.
    let mut let_in = 0;
    let refused = loop {
        let path = ["/v1/hello", "/v1/message"][let_in as usize % 2];
        let reply = ask(&host, one, path, let_in).await;
        if reply.status != 200 {
            break reply;
        }
        let_in += 1;
    };
    assert!(let_in >= burst.get(), "{let_in}");
    assert_eq!((refused.refusal(), refused.header("retry-after")), ((429, "busy\n"), "1"));
    assert_eq!(host.metric("address_limited_total").await, Some(1));
    assert_eq!(host.get("/livez").await.status, 200);

    for path in ["/v1/hello", "/v1/message"] {
        assert_eq!(ask(&host, two, path, 0).await.status, 200, "{path}");
    }
    until(async || ask(&host, one, "/v1/message", 0).await.status == 200).await;
}
