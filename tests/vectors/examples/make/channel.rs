//! The channel: keys, records, messages.

use std::collections::BTreeMap;

use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha384;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::receipt::Receipt;
use strongroom_proto::cbor;
use strongroom_proto::hello::{ClientNonce, OfferId};
use strongroom_proto::message::{opening_header, request_header};
use strongroom_seal::digest::{OutcomeDigest, RequestDigest};
use strongroom_seal::key::SigningKey;
use strongroom_seal::label::{self, Label};
use strongroom_seal::message::{Ask, Outcome, Refusal, Request, RequestId};
use strongroom_seal::model::AnswerBound;
use strongroom_seal::record::{Bound, RecordKey};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_vectors::derived_keys;

use crate::Counts;
use crate::asked::receipt;
use crate::book::Book;
use crate::cbor::Item;
use crate::world::{API_KEY, NONCE, OFFER, World};

const EVIDENCE_DIGEST: [u8; 48] = [0xed; 48];

pub(crate) fn write(world: &World, counts: &mut Counts) {
    records(counts);
    sizes(counts);
    let info = [b"strongroom/channel-v1\0".as_slice(), &EVIDENCE_DIGEST, &NONCE, &OFFER].concat();
    let encapsulated = encapsulate(&world.keys.channel_public, &info);
    let derive =
        |label: Label| derived_keys(&world.keys.channel_secret, &encapsulated, &info, &[label]).unwrap()[0];
    let channel = |format: &str| {
        Book::new(format)
            .given("channel_secret_key", hex::encode(&world.keys.channel_secret))
            .given("evidence_digest", hex::encode(EVIDENCE_DIGEST))
            .given("nonce", hex::encode(NONCE))
            .given("offer", hex::encode(OFFER))
    };
    let mut book = channel("channel");
    book.good("keys", &encapsulated);
    let again = encapsulate(&world.keys.channel_public, &info);
    book.good("other-encapsulation", &again);
    book.good("other-evidence", &encapsulated).given("evidence_digest", "00".repeat(48));
    book.good("other-nonce", &encapsulated).given("nonce", "00".repeat(32));
    book.good("other-offer", &encapsulated).given("offer", "00".repeat(16));
    book.bad("short", "1119 bytes", &encapsulated[1..]);
    book.bad("long", "1121 bytes", &[encapsulated.as_slice(), &[0]].concat());
    book.write(counts);
    openings(channel("opening"), &encapsulated, derive(label::REQUEST_KEY), counts);
    requests(derive(label::REQUEST_KEY), counts);
    answers(world, derive(label::ANSWER_KEY), counts);
}

/// Random bytes for an encapsulation.
struct Drawn(SystemRandom);

impl TryRng for Drawn {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(out).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

fn encapsulate(public: &[u8], info: &[u8]) -> Vec<u8> {
    let public = <XWing as Kem>::PublicKey::from_bytes(public).unwrap();
    let (encapsulated, _) = hpke::setup_sender_with_rng::<ExportOnlyAead, HkdfSha384, XWing>(
        &OpModeS::Base,
        &public,
        info,
        &mut Drawn(SystemRandom::new()),
    )
    .unwrap();
    encapsulated.to_bytes().to_vec()
}

fn seal(key: [u8; 32], number: u64, bound: &[u8], body: &[u8], size: usize) -> Vec<u8> {
    RecordKey::take(&mut { key }).unwrap().seal(number, Bound(bound), &[body], size).unwrap()
}

/// A record whose plaintext is stated byte by byte.
fn seal_plain(key: [u8; 32], number: u64, bound: &[u8], plain: &[u8]) -> Vec<u8> {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let nonce: [u8; 12] = [&[0; 4], number.to_be_bytes().as_slice()].concat().try_into().unwrap();
    let mut record = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut record).unwrap();
    record
}

fn records(counts: &mut Counts) {
    let key = [0x1e; 32];
    let mut book = Book::new("record")
        .given("key", hex::encode(key))
        .given("number", 5)
        .given("associated_data", hex::encode("header"))
        .given("size", "request");
    let good = seal(key, 5, b"header", b"body", 1024);
    book.good("smallest", &good);
    book.good("empty-body", &seal(key, 5, b"header", b"", 1024));
    book.good("full", &seal(key, 5, b"header", &[1; 1004], 1024));
    book.good("number-0", &seal(key, 0, b"header", b"body", 1024)).given("number", 0);
    book.good("large-number", &seal(key, 1 << 62, b"header", b"body", 1024)).given("number", 1_u64 << 62);
    book.good("answer", &seal(key, 5, b"header", b"body", 2048)).given("size", "answer");
    book.good("audit", &seal(key, 5, b"header", b"body", 512)).given("size", "audit");
    book.bad("other-number", "sealed under another number", &good).given("number", 6);
    book.bad("other-key", "sealed under another key", &good).given("key", "00".repeat(32));
    book.bad("other-header", "bound to another header", &good)
        .given("associated_data", hex::encode("footer"));
    book.bad("no-header", "bound to a header", &good).given("associated_data", "");
    for (name, at) in
        [("changed-length", 0), ("changed-body", 4), ("changed-padding", 500), ("changed-tag", 1023)]
    {
        let mut changed = good.clone();
        changed[at] ^= 1;
        book.bad(name, "a changed byte", &changed);
    }
    book.bad("cut", "not a power of two", &good[..1023]);
    book.bad("half", "a half of a record", &good[..512]);
    book.bad("three-quarters", "1536 bytes, sealed well", &seal(key, 5, b"header", b"body", 1536));
    book.bad("too-small", "512 bytes, sealed well", &seal(key, 5, b"header", b"body", 512));
    let mut long = vec![0; 1008];
    long[..4].copy_from_slice(&1005_u32.to_be_bytes());
    book.bad(
        "length-beyond-the-record",
        "a length that is larger than what follows",
        &seal_plain(key, 5, b"header", &long),
    );
    long[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    book.bad("largest-length", "a length of 4 GiB", &seal_plain(key, 5, b"header", &long));
    let little = [&4_u32.to_le_bytes()[..], b"body", &[0; 1000]].concat();
    book.bad("little-endian-length", "a length in the other order", &seal_plain(key, 5, b"header", &little));
    book.write(counts);
}

fn sizes(counts: &mut Counts) {
    let mut book = Book::new("answer-size");
    let bound = |names_bytes, bytes_per_request_kib, max_bytes| {
        cbor::encode(&AnswerBound { names_bytes, bytes_per_request_kib, max_bytes }).unwrap()
    };
    for (name, bytes, request) in [
        ("smallest", bound(80, 100, 10_000), 1024_u64),
        ("with-the-request", bound(80, 100, 10_000), 64 * 1024),
        ("bounded", bound(80, 100, 10_000), 128 * 1024 * 1024),
        ("exactly", bound(40, 2048, 4096), 1024),
        ("one-more", bound(41, 2452, 4096), 1024),
        ("largest", bound(0, u64::MAX, u64::MAX), 1024),
    ] {
        book.good(name, &bytes).given("request_record", request);
    }
    let missing = Item::parse(&bound(1, 2, 3)).without("max_bytes").encode();
    book.bad("missing-field", "a required field is absent", &missing).given("request_record", 1024);
    book.write(counts);
}

/// An inference, as a client writes it.
pub(crate) fn inference() -> Vec<u8> {
    let data: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let x = Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![1, 2], data: data.into() };
    let request = Request {
        id: RequestId::new([0x1d; 16]),
        model: "fraud".parse().unwrap(),
        version: None,
        inputs: vec![x],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    Ask::Infer(request).encode().unwrap()
}

fn openings(mut book: Book, encapsulated: &[u8], key: [u8; 32], counts: &mut Counts) {
    let header =
        opening_header(OfferId::new(OFFER), ClientNonce::new(NONCE), encapsulated.try_into().unwrap());
    let message = |body: &[u8], size| [header.clone(), seal(key, 0, &header, body, size)].concat();
    let with_request = [API_KEY.as_slice(), &inference()].concat();
    let good = message(&with_request, 1024);
    book.good("with-a-request", &good);
    book.good("without", &message(&API_KEY, 1024));
    book.good("larger-record", &message(&with_request, 4096));
    let change = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    };
    book.bad("kind", "not the kind of an opening", &change(0));
    book.bad("offer", "another offer", &change(1));
    book.bad("nonce", "another nonce", &change(17));
    book.bad("ml-kem-share", "a changed encapsulation, of ML-KEM-768", &change(49));
    book.bad("x25519-share", "a changed encapsulation, of X25519", &change(49 + 1119));
    book.bad("record", "a changed record", &change(49 + 1120));
    book.bad("other-evidence", "opened on other evidence", &good).given("evidence_digest", "00".repeat(48));
    book.bad("other-channel-key", "sealed for another channel", &good)
        .given("channel_secret_key", "11".repeat(32));
    book.bad("header-alone", "no record", &header);
    book.bad("cut-header", "ends inside the header", &header[..1000]);
    book.bad("cut-record", "a record of 1023 bytes", &good[..good.len() - 1]);
    book.bad("no-key", "a body shorter than an API key", &message(&API_KEY[1..], 1024));
    book.bad(
        "not-a-request",
        "something else after the key",
        &message(&[API_KEY.as_slice(), &[0xff]].concat(), 1024),
    );
    let numbered = [header.clone(), seal(key, 1, &header, &with_request, 1024)].concat();
    book.bad("number-1", "sealed under number 1", &numbered);
    book.write(counts);
}

fn requests(key: [u8; 32], counts: &mut Counts) {
    let mut book = Book::new("request").given("request_key", hex::encode(key));
    let header = |number| request_header(OfferId::new(OFFER), number);
    let message =
        |number, body: &[u8]| [header(number), seal(key, number, &header(number), body, 1024)].concat();
    let good = message(1, &inference());
    book.good("first", &good);
    book.good("large-number", &message(1 << 40, &inference()));
    book.good("status", &message(2, &Ask::Status.encode().unwrap()));
    let change = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    };
    book.bad("kind", "not the kind of a request", &change(0));
    book.bad("session", "another session", &change(1));
    book.bad("number", "another number", &change(23));
    book.bad("number-0", "number 0 belongs to the opening", &message(0, &inference()));
    book.bad("record", "a changed record", &change(25));
    book.bad("header-alone", "no record", &good[..25]);
    book.bad("cut-header", "ends inside the header", &good[..20]);
    book.bad("cut-record", "a record of 1023 bytes", &good[..good.len() - 1]);
    book.bad("surplus-byte", "a record of 1025 bytes", &[good.as_slice(), &[0]].concat());
    book.bad("answer-key", "sealed under another key", &good).given("request_key", "00".repeat(32));
    book.bad("not-a-request", "a body that is no request", &message(1, b"infer"));
    book.write(counts);
}

fn answers(world: &World, key: [u8; 32], counts: &mut Counts) {
    let mut book = Book::new("answer")
        .given("answer_key", hex::encode(key))
        .given("session", hex::encode(OFFER))
        .given("number", 1)
        .given("request", hex::encode(inference()))
        .given("claims", hex::encode(&world.claims));
    let signed = |stated: &Receipt, key: &SigningKey| stated.sign(key, &world.random).unwrap();
    let record = |outcome: &[u8], receipt: &[u8]| {
        let body = [&(outcome.len() as u32).to_be_bytes(), outcome, receipt].concat();
        seal(key, 1, &OFFER, &body, 2048)
    };
    let outcome = crate::asked::answer();
    let stated = receipt(world, &inference(), &outcome);
    let receipt_key = &world.keys.receipt;
    let good = record(&outcome, &signed(&stated, receipt_key));
    book.good("answer", &good);
    let refused = Outcome::Refused(Refusal::Malformed).encode().unwrap();
    let refusal = Receipt {
        outcome: OutcomeDigest::of(&refused),
        model: None,
        treatment: None,
        index: None,
        audit: None,
        ..stated.clone()
    };
    book.good("refusal", &record(&refused, &signed(&refusal, receipt_key)));
    book.bad("other-number", "the answer to another request", &good).given("number", 2);
    book.bad("other-session", "of another session", &good).given("session", "00".repeat(16));
    book.bad("other-key", "sealed under another key", &good).given("answer_key", "00".repeat(32));
    book.bad("other-request", "a receipt of another request", &good).given("request", hex::encode(b"x"));
    book.bad("cut", "not a power of two", &good[..2047]);
    let replayed = Receipt { request: RequestDigest::of(b"x"), ..stated.clone() };
    book.bad(
        "replayed-receipt",
        "a receipt of another request",
        &record(&outcome, &signed(&replayed, receipt_key)),
    );
    book.bad(
        "swapped-outcome",
        "a receipt of another outcome",
        &record(&refused, &signed(&stated, receipt_key)),
    );
    book.bad(
        "other-signer",
        "a receipt of another key",
        &record(&outcome, &signed(&stated, &world.keys.other_receipt)),
    );
    book.bad("no-receipt", "no receipt", &record(&outcome, &[]));
    let long = [&u32::MAX.to_be_bytes(), outcome.as_slice()].concat();
    book.bad("long-outcome", "an outcome that is longer than the body", &seal(key, 1, &OFFER, &long, 2048));
    book.bad("short-body", "a body of three bytes", &seal(key, 1, &OFFER, &[0; 3], 2048));
    book.write(counts);
}
