use std::time::Duration;

use strongroom_proto::Code;
use tokio::net::TcpStream;

use crate::common::{ECHO, SLEEP, Setup, get, h2, h2_post, until, write};

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_takes_nothing_new() {
    let setup = Setup::new();
    let (mut host, _enclave) = setup.start().await;
    let mut sender = h2(host.edge).await;
    let slow = tokio::spawn(async move { h2_post(&mut sender, "/v1/message", vec![SLEEP]).await });
    until(async || host.metric("requests_in_flight").await == Some(1)).await;
    host.stop();
    until(async || TcpStream::connect(host.edge).await.is_err()).await;
    assert_eq!(slow.await.unwrap().body, "slept");
    assert!(host.ended().await.is_ok());
}

#[tokio::test]
async fn a_draining_host_says_so_before_it_stops_listening() {
    let mut setup = Setup::new();
    setup.config.timing.drain_delay = Duration::from_millis(500);
    let (mut host, _enclave) = setup.start().await;
    host.stop();
    host.until_ready(false).await;
    assert_eq!(host.post("/v1/message", vec![ECHO]).await.status, 200);
    assert!(host.ended().await.is_ok());
}

#[tokio::test]
async fn the_grace_period_ends() {
    let mut setup = Setup::new();
    setup.config.timing.grace = Duration::from_millis(100);
    let (mut host, _enclave) = setup.start().await;
    let (mut sender, edge) = (h2(host.edge).await, host.edge);
    let cut = tokio::spawn(async move {
        let request = http::Request::post(format!("http://{edge}/v1/message"));
        sender.send_request(request.body(vec![SLEEP].into()).unwrap()).await.is_err()
    });
    until(async || host.metric("requests_in_flight").await == Some(1)).await;
    host.stop();
    assert!(host.ended().await.is_ok());
    assert!(cut.await.unwrap());
}

#[tokio::test]
async fn a_lost_enclave_is_found_again_and_gets_the_release_again() {
    let setup = Setup::new();
    write(&setup.path("store/release.bundle"), "first");
    let (host, enclave) = setup.start().await;
    let got = |enclave: &crate::common::RunningEnclave| enclave.fake.releases.lock().unwrap().clone();
    until(async || got(&enclave) == ["first"]).await;

    drop(enclave);
    host.until_ready(false).await;
    assert_eq!(host.post("/v1/message", vec![ECHO]).await.refusal(), (503, "unavailable\n"));
    until(async || host.metric("enclave_up").await == Some(0)).await;

    let enclave = setup.start_enclave();
    host.until_ready(true).await;
    assert_eq!(host.post("/v1/message", vec![ECHO]).await.status, 200);
    until(async || got(&enclave) == ["first"]).await;
    assert_eq!(host.metric("enclave_up").await, Some(1));
}

#[tokio::test]
async fn a_lost_enclave_fails_what_is_in_flight() {
    let setup = Setup::new();
    let (host, enclave) = setup.start().await;
    let edge = host.edge;
    let waiting = tokio::spawn(async move { crate::common::post(edge, "/v1/message", vec![SLEEP]).await });
    until(async || host.metric("requests_in_flight").await == Some(1)).await;
    drop(enclave);
    assert_eq!(waiting.await.unwrap().refusal(), (503, "unavailable\n"));
}

#[tokio::test]
async fn a_changed_release_is_pushed_once_whatever_the_enclave_thinks_of_it() {
    let setup = Setup::new();
    let (host, enclave) = setup.start().await;
    let got = || enclave.fake.releases.lock().unwrap().clone();
    assert!(got().is_empty());
    write(&setup.path("store/release.bundle"), "one");
    until(async || got() == ["one"]).await;
    *enclave.fake.release_code.lock().unwrap() = Code::Malformed;
    write(&setup.path("store/release.bundle"), "second");
    until(async || got() == ["one", "second"]).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(got(), ["one", "second"]);
    assert_eq!(get(host.edge, "/readyz").await.status, 200);
}
