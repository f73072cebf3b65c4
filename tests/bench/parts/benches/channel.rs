//! What opening a channel costs: the enclave's key for a batch of offers, the client's side, and the enclave's.

use std::convert::Infallible;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha384;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::UnixMillis;
use strongroom_attestation::channel::{Handshake, OfferKey, Sealed, ServerSession};
use strongroom_core::{Call, Party, TrustFile};
use strongroom_parts::Vector;
use strongroom_proto::hello::{ClientNonce, OfferId};
use strongroom_proto::message::{ENCAPSULATED_KEY_BYTES, OPENING_HEADER_BYTES, opening_header};
use strongroom_seal::digest::EvidenceDigest;
use strongroom_seal::label;
use strongroom_seal::record::{RecordKey, request_record_bytes};
use strongroom_seal::secret::ApiKey;

/// The system's randomness, in the form that HPKE asks for.
struct Random(SystemRandom);

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Random {}

fn offer_key(criterion: &mut Criterion) {
    let random = SystemRandom::new();
    criterion.bench_function("channel/offer key", |bencher| {
        bencher.iter(|| OfferKey::generate(&random).unwrap());
    });
}

/// Judged evidence is consumed by the opening, so that judging it is measured in its own benchmark and made anew here.
fn client(criterion: &mut Criterion) {
    let vector = Vector::first("judgement");
    let trust = TrustFile::parse(vector.text("trust_file").as_bytes()).unwrap();
    let party = Party::new(trust, ApiKey::take(&mut [5; 32]), Default::default(), None);
    let nonce = ClientNonce::new(vector.hex("nonce").try_into().unwrap());
    let now = UnixMillis::new(vector.number("now"));
    criterion.bench_function("channel/client opens", |bencher| {
        let judged = || party.judge(nonce, &vector.bytes, now);
        let open = |judged| party.open(judged, Default::default(), now, &Call::nothing()).ok().unwrap();
        bencher.iter_batched(judged, open, BatchSize::SmallInput);
    });
}

/// An opening for this key, as a client writes it (docs/protocol.md, the channel).
fn opening(key: &OfferKey, handshake: Handshake) -> ([u8; ENCAPSULATED_KEY_BYTES], Vec<u8>) {
    let Handshake { evidence, nonce, offer } = handshake;
    let label = label::CHANNEL.text().as_bytes();
    let info = [label, &[0], evidence.as_bytes(), nonce.as_bytes(), offer.as_bytes()].concat();
    let public = <XWing as Kem>::PublicKey::from_bytes(key.public()).unwrap();
    let mut random = Random(SystemRandom::new());
    let (encapsulated, context) = hpke::setup_sender_with_rng::<ExportOnlyAead, HkdfSha384, XWing>(
        &OpModeS::Base,
        &public,
        &info,
        &mut random,
    )
    .unwrap();
    let encapsulated: [u8; ENCAPSULATED_KEY_BYTES] = encapsulated.to_bytes().as_slice().try_into().unwrap();
    let mut secret = [0; 32];
    context.export(label::REQUEST_KEY.text().as_bytes(), &mut secret).unwrap();
    let header = opening_header(offer, nonce, &encapsulated);
    let api_key = [5; 32];
    let record_bytes = request_record_bytes(api_key.len()).unwrap();
    let sealed = RecordKey::take(&mut secret).unwrap().seal_message(0, &header, &[&api_key], record_bytes);
    (encapsulated, sealed.unwrap())
}

fn enclave(criterion: &mut Criterion) {
    let key = OfferKey::generate(&SystemRandom::new()).unwrap();
    let handshake = Handshake {
        evidence: EvidenceDigest::of(b"evidence"),
        nonce: ClientNonce::new([2; 32]),
        offer: OfferId::new([3; 16]),
    };
    let (encapsulated, message) = opening(&key, handshake);
    criterion.bench_function("channel/enclave opens", |bencher| {
        let fresh = || Sealed::new(message.clone(), OPENING_HEADER_BYTES);
        let open = |sealed| ServerSession::open(&key, handshake, &encapsulated, sealed).unwrap().0;
        bencher.iter_batched(fresh, open, BatchSize::SmallInput);
    });
}

criterion_group!(benches, offer_key, client, enclave);
criterion_main!(benches);
