//! What a client pays before it sends anything: an attestation document, and the judgement of all evidence around it.
//!
//! Both are P-384 signatures and little else. Documents of the vectors have one authority less than those of AWS.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_attestation::evidence::{Received, judge};
use strongroom_attestation::{
    DebugImages, Demand, Expectations, Freshness, PcrDemand, TrustRoot, UnixMillis, verify,
};
use strongroom_core::TrustFile;
use strongroom_parts::Vector;
use strongroom_proto::hello::ClientNonce;

fn document(criterion: &mut Criterion) {
    let vector = Vector::first("attestation-document");
    let root = TrustRoot::from_der(&vector.hex("root")).unwrap();
    let now = UnixMillis::new(vector.number("now"));
    let expected = Expectations {
        debug_images: DebugImages::Refused,
        pcrs: PcrDemand::dangerously_any(),
        freshness: Freshness::MaxAge(Duration::from_millis(vector.number("max_age_ms"))),
        nonce: Demand::Exactly(vector.hex("nonce")),
        user_data: Demand::Exactly(vector.hex("user_data")),
        public_key: Demand::Absent,
    };
    criterion.bench_function("evidence/document", |bencher| {
        bencher.iter(|| verify(black_box(&vector.bytes), &root, now, &expected).1.unwrap());
    });
}

fn hello(criterion: &mut Criterion) {
    let vector = Vector::first("judgement");
    let trust = TrustFile::parse(vector.text("trust_file").as_bytes()).unwrap();
    let nonce = ClientNonce::new(vector.hex("nonce").try_into().unwrap());
    let now = UnixMillis::new(vector.number("now"));
    criterion.bench_function("evidence/hello", |bencher| {
        bencher.iter(|| {
            let received = Received { evidence: black_box(&vector.bytes), nonce, now };
            judge(received, trust.root(), trust.trust()).1.unwrap()
        });
    });
}

criterion_group!(benches, document, hello);
criterion_main!(benches);
