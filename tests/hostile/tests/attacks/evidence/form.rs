//! What is no evidence at all.

use strongroom_hostile::{Found, Misdeeds, Scene};
use strongroom_proto::frame::Kind;

use super::{answering, attacks, judged, reattested};

attacks! { Evidence;
    /// answers a hello with an error page in HTML, and status 200
    an_error_page("a client that takes any answer for evidence", "exit 10: evidence", "no-evidence-no-verdict");
    /// answers a hello with a verdict of its own in JSON
    a_verdict_of_the_hosts_own("a client that takes the host's word", "exit 10: evidence", "no-evidence-no-verdict");
    /// answers a hello with nothing
    nothing("a client that takes any answer for evidence", "exit 10: evidence", "no-evidence-no-verdict");
    /// cuts evidence in half
    half_of_it("a client that judges what it got", "exit 10: evidence", "no-evidence-no-verdict");
    /// puts a byte behind evidence
    a_byte_behind_it("bytes that are read by nobody", "exit 10: evidence", "nothing-behind-cbor");
    /// lets evidence grow to 3 MiB by a list of offers that a module commits to
    three_mebibytes("memory of whoever asks", "exit 1: no check", "evidence-bound");
    /// sends evidence with a status that redirects
    a_redirect("a client that goes where it is sent", "exit 1: no check", "status-ok");
}

async fn instead(body: &'static [u8]) -> Found {
    judged(answering(move |evidence| *evidence = body.to_vec())).await
}

async fn an_error_page() -> Found {
    instead(b"<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>").await
}

async fn a_verdict_of_the_hosts_own() -> Found {
    instead(br#"{"verdict":"verified","checks":[]}"#).await
}

async fn nothing() -> Found {
    instead(b"").await
}

async fn half_of_it() -> Found {
    judged(answering(|evidence| evidence.truncate(evidence.len() / 2))).await
}

async fn a_byte_behind_it() -> Found {
    judged(answering(|evidence| evidence.push(0))).await
}

async fn three_mebibytes() -> Found {
    const PAIR_BYTES: usize = 64;
    reattested(|evidence| evidence.offers.resize(3 * 1024 * 1024 / PAIR_BYTES * PAIR_BYTES, 0)).await
}

async fn a_redirect() -> Found {
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(Misdeeds::default().relayed(|relay| {
        if !relay.inbound && relay.kind == Kind::Hello {
            relay.status = 302;
        }
    }));
    scene.found(scene.verdict().await.unwrap())
}
