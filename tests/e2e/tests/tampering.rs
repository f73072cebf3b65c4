//! Any byte of any frame, changed by the host, is refused on the side that receives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strongroom_e2e::{RawClient, Stage, StageOptions, now, outcome, request};
use strongroom_proto::frame::Kind;
use strongroom_proto::message::{OPENING_HEADER_BYTES, REQUEST_HEADER_BYTES};
use strongroom_sim::intercept::Passing;
use strongroom_sim::world::READY;

#[tokio::test]
async fn every_byte_of_an_opening_is_protected() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let length = client.open(client.verify().await.unwrap(), &[]).unwrap().message.len();
    // Every byte of the small fields, and a sample of key and record.
    let fields = 0..60;
    let sample = (60..length).step_by(61);
    for position in fields.chain(sample) {
        let mut opened = client.open(client.verify().await.unwrap(), &[]).unwrap();
        opened.message[position] ^= 1;
        let status = client.send(&opened.message).await.status;
        assert!(matches!(status, 400 | 421), "byte {position} of {length}: {status}");
    }
    assert!(length > OPENING_HEADER_BYTES);
}

#[tokio::test]
async fn every_byte_of_a_request_is_protected() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let (message, pending) = session.seal(&request(1)).unwrap();
    for position in 0..message.len() {
        let mut changed = message.clone();
        changed[position] ^= 1;
        let status = client.send(&changed).await.status;
        assert!(matches!(status, 400 | 421), "byte {position}: {status}");
    }
    let reply = client.send(&message).await;
    assert!(outcome(&session, &pending, &reply).is_some(), "no forgery used up the number");
    assert!(message.len() > REQUEST_HEADER_BYTES);
}

#[tokio::test]
async fn every_byte_of_an_answer_is_protected() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    for position in 0..reply.body.len() {
        let mut changed = reply.clone();
        changed.body[position] ^= 1;
        assert!(outcome(&session, &pending, &changed).is_none(), "byte {position}");
        let mut cut = reply.clone();
        cut.body.truncate(position);
        assert!(outcome(&session, &pending, &cut).is_none(), "cut to {position}");
    }
    assert!(outcome(&session, &pending, &reply).is_some());
}

#[tokio::test]
async fn every_byte_of_evidence_is_protected() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let (nonce, reply) = client.hello().await;
    assert!(client.judge(nonce, &reply.body).is_ok());
    let at = now();
    let accepted = |evidence: &[u8]| client.judge_at(nonce, evidence, at).1.is_ok();
    for position in (0..reply.body.len()).step_by(7) {
        let mut changed = reply.body.clone();
        changed[position] ^= 1;
        assert!(!accepted(&changed), "byte {position} of {}", reply.body.len());
        assert!(!accepted(&reply.body[..position]), "cut to {position}");
    }
}

#[tokio::test]
async fn a_host_that_changes_frames_on_the_link_gets_no_answer_through() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    // Every second frame in either direction loses the truth of one byte, each time another one.
    let meddle = Arc::new(move |passing: Passing<'_>| {
        let relayed =
            matches!(passing.kind, Kind::Message) || (!passing.inbound && passing.body.len() > 1024);
        if relayed {
            let turn = seen.fetch_add(1, Ordering::SeqCst);
            let position = turn * 131 % passing.body.len();
            if let Some(byte) = passing.body.get_mut(position) {
                *byte ^= 0x40;
            }
        }
    });
    let stage = Stage::set(StageOptions { meddle: Some(meddle), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let client: RawClient = stage.client().unwrap();
    for _ in 0..40 {
        assert!(client.verify().await.is_err(), "changed evidence was accepted");
    }
    let output = stage.infer().await.unwrap();
    assert_ne!(output.code, 0, "an answer came through");
    assert!(output.stdout.is_empty());
    assert!(count.load(Ordering::SeqCst) > 40);
}
