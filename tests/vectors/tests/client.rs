//! The client of this repository opens a channel as the vectors describe it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at a fault")]

use ring::rand::SystemRandom;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::channel::Channel;
use strongroom_attestation::evidence::{Received, Verified, judge};
use strongroom_core::TrustFile;
use strongroom_proto::hello::ClientNonce;
use strongroom_proto::message::Message;
use strongroom_seal::label;
use strongroom_seal::record::{Bound, RecordKey};
use strongroom_seal::secret::ApiKey;
use strongroom_vectors::{VectorFile, derived_keys};

fn verified() -> Verified {
    let file = VectorFile::read("judgement").unwrap();
    let case = file.cases.iter().find(|case| case.valid).unwrap();
    let trust = TrustFile::parse(case.text("trust_file").unwrap().as_bytes()).unwrap();
    let evidence = case.bytes().unwrap().unwrap();
    let nonce = ClientNonce::new(case.array("nonce").unwrap());
    let received = Received { evidence: &evidence, nonce, now: UnixMillis::new(case.uint("now").unwrap()) };
    judge(received, trust.root(), trust.trust()).1.unwrap()
}

#[test]
fn an_opening_and_a_request_open_with_keys_that_are_derived_as_described() {
    let verified = verified();
    let secret = VectorFile::read("channel").unwrap().cases[0].hex("channel_secret_key").unwrap();
    let (evidence, nonce, offer) = (verified.evidence(), verified.nonce(), verified.offer());
    let info =
        [b"strongroom/channel-v1\0", evidence.as_bytes().as_slice(), nonce.as_bytes(), offer.as_bytes()]
            .concat();
    let channel = Channel::new(verified, &SystemRandom::new()).unwrap();
    let (session, opening, pending) = channel.open(&ApiKey::take(&mut [7; 32]), b"first").unwrap();
    let Some(Message::Opening { encapsulated_key, header, record, .. }) = Message::parse(&opening) else {
        panic!("not an opening")
    };
    let keys =
        derived_keys(&secret, encapsulated_key, &info, &[label::REQUEST_KEY, label::ANSWER_KEY]).unwrap();
    let key = |at: usize| RecordKey::take(&mut { keys[at] }).unwrap();
    let body = key(0).open(0, Bound(header), record).unwrap();
    assert_eq!(body.bytes(), [[7; 32].as_slice(), b"first"].concat());
    let answer = key(1).seal(0, Bound(offer.as_bytes()), &[b"answer"], 2048).unwrap();
    assert_eq!(session.open_answer(&pending, answer).unwrap().bytes(), b"answer");

    let (request, _) = session.seal(b"second").unwrap();
    let Some(Message::Request { number: 1, header, record, .. }) = Message::parse(&request) else {
        panic!("not a request")
    };
    assert_eq!(key(0).open(1, Bound(header), record).unwrap().bytes(), b"second");
}
