//! Messages as enclave and client take them: split, opened, and padded plaintext behind it.

use std::sync::OnceLock;

use bytes::Bytes;
use ring::rand::SystemRandom;
use strongroom_attestation::channel::{Handshake, OfferKey, Pending, Sealed, ServerSession};
use strongroom_core::{Call, Held, Opening, Party};
use strongroom_proto::message::{Message, OPENING_HEADER_BYTES, opening_header, request_header};
use strongroom_seal::digest::EvidenceDigest;
use strongroom_seal::record::{Bound, RecordKey, is_request_record_size, request_record_bytes};
use strongroom_seal::secret::ApiKey;

use crate::evidence::{EVIDENCE, NONCE, TIME, trust};
use crate::seldom::seldom;

/// Key of the requests of the seeds. Everybody has it.
const REQUEST_KEY: [u8; 32] = [
    0xbc, 0x01, 0xb4, 0x83, 0x40, 0x04, 0x55, 0x9a, 0xb1, 0x69, 0x92, 0x07, 0x1e, 0x59, 0xd1, 0x2a, 0xb1,
    0x23, 0xcb, 0x2e, 0xc2, 0x9a, 0x5d, 0x84, 0x31, 0xf4, 0x58, 0x5a, 0xb8, 0x89, 0xe4, 0x02,
];

/// Key of their answers, the number of the answers, and the session.
const ANSWER_KEY: [u8; 32] = [
    0x8d, 0x05, 0xa7, 0x8d, 0x87, 0xa3, 0x2c, 0xdf, 0x29, 0xfa, 0xb4, 0x5d, 0x74, 0x8f, 0x2b, 0xd3, 0xe4,
    0x7a, 0x4c, 0x3b, 0xbf, 0xd7, 0x33, 0xcf, 0xab, 0xa7, 0x91, 0x20, 0xee, 0x7a, 0x9f, 0x91,
];
const ANSWER_NUMBER: u64 = 1;
const SESSION: [u8; 16] = [0x0f; 16];

/// Every request that was sealed.
const REQUESTS: [&[u8]; 3] = [
    include_bytes!("../../fuzz/corpus/message/request-first"),
    include_bytes!("../../fuzz/corpus/message/request-large-number"),
    include_bytes!("../../fuzz/corpus/message/request-status"),
];

/// Every answer that was sealed.
const ANSWERS: [&[u8]; 2] = [
    include_bytes!("../../fuzz/corpus/message/answer-answer"),
    include_bytes!("../../fuzz/corpus/message/answer-refusal"),
];

/// A client that waits for an answer, which nobody has sealed.
struct Asking {
    party: Party,
    call: Call,
    held: Held,
    pending: Pending,
}

/// Takes `bytes` as a message to an enclave, as the answer that a client waits for, and as what stands inside a record.
///
/// A message is written back unchanged. Nothing opens that was not sealed: no opening of an offer that was just made, no
/// request and no answer but those of the seeds, nothing for a client that just asked. Whatever is sealed comes back, from a
/// record of one of the sizes, and under its own number and header alone.
pub fn message(bytes: &[u8]) -> bool {
    let read = split(bytes) | answer(bytes);
    to_nobody(bytes);
    sealed(bytes);
    read
}

fn split(bytes: &[u8]) -> bool {
    let again = match Message::parse(bytes) {
        Some(Message::Opening { offer, nonce, encapsulated_key, header, record }) => {
            assert_eq!(header.len(), OPENING_HEADER_BYTES);
            if let Some(key) = offer_key().filter(|_| seldom(bytes)) {
                let handshake = Handshake { evidence: EvidenceDigest::of(b"evidence"), nonce, offer };
                let sealed = Sealed::new(bytes.to_vec(), header.len());
                let opened = ServerSession::open(key, handshake, encapsulated_key, sealed);
                assert!(opened.is_err(), "nobody opened this offer");
            }
            [&opening_header(offer, nonce, encapsulated_key), record].concat()
        }
        Some(Message::Request { session, number, header, record }) => {
            request(bytes, (number, header.len(), record.len()));
            [&request_header(session, number), record].concat()
        }
        None => return false,
    };
    assert_eq!(again, bytes, "a message is written back unchanged");
    true
}

fn request(bytes: &[u8], (number, header_bytes, record_bytes): (u64, usize, usize)) {
    let Some(key) = key(REQUEST_KEY).filter(|_| is_request_record_size(record_bytes)) else { return };
    if let Ok(body) = key.open_message(number, header_bytes, bytes.to_vec()) {
        assert!(REQUESTS.contains(&bytes), "nobody sealed this request");
        assert!(body.bytes().len() < record_bytes);
    }
}

fn answer(bytes: &[u8]) -> bool {
    let Some(key) = key(ANSWER_KEY).filter(|_| bytes.len().is_power_of_two()) else { return false };
    let opened = key.open(ANSWER_NUMBER, Bound(&SESSION), bytes).is_ok();
    assert!(!opened || ANSWERS.contains(&bytes), "nobody sealed this answer");
    opened
}

/// The bytes as the answer that a client waits for.
fn to_nobody(bytes: &[u8]) {
    static ASKING: OnceLock<Option<Asking>> = OnceLock::new();
    let asking = ASKING.get_or_init(ask).as_ref();
    assert!(asking.is_some(), "the evidence of the seeds is good");
    if let Some(Asking { party, call, held, pending }) = asking {
        let read = party.read_owned(held, call, pending, bytes.to_vec());
        assert!(read.is_err(), "nobody sealed this answer");
    }
}

/// Opens a channel to the enclave of the seeds.
fn ask() -> Option<Asking> {
    let key = ApiKey::take(&mut [5; 32]);
    let party = Party::new(trust()?.clone(), key, [].into(), None);
    let call = Call::status().ok()?;
    let judged = party.judge(NONCE, EVIDENCE, TIME);
    let opening = party.open(judged, Bytes::from_static(EVIDENCE), TIME, &call).ok()?;
    let Opening { held, pending, .. } = opening;
    Some(Asking { party, call, held, pending })
}

/// The bytes as a body.
fn sealed(body: &[u8]) {
    let (Ok(size), Some(key)) = (request_record_bytes(body.len()), key([6; 32])) else { return };
    assert!(is_request_record_size(size));
    let header = body.get(..body.len().min(9)).unwrap_or_default();
    let message = key.seal_message(7, header, &[body], size);
    assert!(message.is_ok(), "a body that fits is sealed");
    let Ok(message) = message else { return };
    let opened = key.open_message(7, header.len(), message.clone());
    assert!(opened.is_ok_and(|opened| opened.bytes() == body), "what was sealed comes back");
    let record = message.get(header.len()..).unwrap_or_default();
    assert!(key.open(8, Bound(header), record).is_err(), "under another number");
    assert!(key.open(7, Bound(b"another header"), record).is_err(), "under another header");
}

fn key(mut bytes: [u8; 32]) -> Option<RecordKey> {
    RecordKey::take(&mut bytes).ok()
}

fn offer_key() -> Option<&'static OfferKey> {
    static KEY: OnceLock<Option<OfferKey>> = OnceLock::new();
    KEY.get_or_init(|| OfferKey::generate(&SystemRandom::new()).ok()).as_ref()
}
