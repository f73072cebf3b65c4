use std::sync::atomic::Ordering;

use strongroom_proto::Code;

use crate::common::{ANSWER_CODE, ECHO, Setup, h2, h2_post};

#[tokio::test]
async fn a_hello_returns_evidence_over_both_versions_of_http() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    let expected = [b"evidence for ".as_slice(), &[5; 32]].concat();
    let one = host.post("/v1/hello", vec![5; 32]).await;
    let two = h2_post(&mut h2(host.edge).await, "/v1/hello", vec![5; 32]).await;
    for reply in [one, two] {
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/cbor"));
        assert_eq!(reply.body, expected);
    }
}

#[tokio::test]
async fn a_message_comes_back_as_opaque_bytes_whatever_its_size() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    let mut sender = h2(host.edge).await;
    for length in [1, 4096, 5_000_000] {
        let body = [vec![ECHO], (1..length).map(|n: u32| n as u8).collect()].concat();
        let one = host.post("/v1/message", body.clone()).await;
        let two = h2_post(&mut sender, "/v1/message", body.clone()).await;
        for reply in [one, two] {
            assert_eq!(
                (reply.status.as_u16(), reply.header("content-type")),
                (200, "application/octet-stream")
            );
            assert!(reply.body == body);
        }
    }
}

#[tokio::test]
async fn every_code_has_its_status_and_a_fixed_body() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    for (code, status, body, retry) in [
        (Code::Malformed, 400, "malformed\n", ""),
        (Code::TooLarge, 413, "too large\n", ""),
        (Code::Misdirected, 421, "misdirected\n", ""),
        (Code::Busy, 429, "busy\n", "1"),
        (Code::Unavailable, 503, "unavailable\n", "1"),
    ] {
        let reply = host.post("/v1/message", vec![ANSWER_CODE, code.byte()]).await;
        assert_eq!((reply.refusal(), reply.header("retry-after")), ((status, body), retry));
    }
    assert_eq!(host.metric("requests_in_flight").await, Some(0));
}

#[tokio::test]
async fn other_routes_and_methods_are_refused() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    assert_eq!(host.get("/v1/message").await.refusal(), (405, "method not allowed\n"));
    assert_eq!(host.get("/v1/message").await.header("allow"), "POST");
    assert_eq!(host.post("/livez", "").await.status, 405);
    for path in ["/", "/metrics", "/v1/hello/", "/v1/../livez"] {
        assert_eq!(host.get(path).await.refusal(), (404, "not found\n"), "{path}");
    }
}

#[tokio::test]
async fn ready_means_that_the_enclave_serves() {
    let setup = Setup::new();
    let host = setup.start_host().await;
    assert_eq!(host.get("/livez").await.refusal(), (200, "ok\n"));
    assert_eq!(host.get("/readyz").await.refusal(), (503, "unavailable\n"));
    assert_eq!(host.post("/v1/hello", vec![0; 32]).await.refusal(), (503, "unavailable\n"));
    let enclave = setup.start_enclave();
    host.until_ready(true).await;
    enclave.fake.serving.store(false, Ordering::Relaxed);
    host.until_ready(false).await;
    assert_eq!(host.get("/livez").await.status, 200);
}

#[tokio::test]
async fn metrics_tell_what_happened() {
    let setup = Setup::new();
    let (host, _enclave) = setup.start().await;
    host.post("/v1/hello", vec![0; 32]).await;
    host.post("/v1/message", vec![ECHO; 100]).await;
    host.post("/v1/message", vec![ANSWER_CODE, Code::Busy.byte()]).await;
    for (name, value) in [
        ("requests_total{route=\"hello\",code=\"200\"}", 1),
        ("requests_total{route=\"message\",code=\"200\"}", 1),
        ("requests_total{route=\"message\",code=\"429\"}", 1),
        ("latency_seconds_count{route=\"message\"}", 2),
        ("request_bytes_total", 132),
        ("answer_bytes_total", 145),
        ("enclave_up", 1),
        ("enclave_serving", 1),
        ("enclave_epoch", 7),
        ("enclave_sessions", 3),
        ("enclave_panics_total", 2),
    ] {
        assert_eq!(host.metric(name).await, Some(value), "{name}");
    }
}
