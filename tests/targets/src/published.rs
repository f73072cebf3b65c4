//! Published measurements, which clients read beside their trust file.

use std::sync::OnceLock;

use strongroom_attestation::limits::MAX_PUBLISHED_BYTES;
use strongroom_attestation::published::PublishedMeasurements;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::name::Name;
use strongroom_seal::key::VerifyingKey;
use strongroom_seal::label;
use strongroom_seal::signed::dangerous_unverified_payload;

use crate::genuine;
use crate::rewrite::reads_back;
use crate::seldom::seldom;

/// The one document that the owner of the seeds has signed.
const SIGNED: &[u8] = include_bytes!("../../fuzz/corpus/published/published-measurements-two-images");

const BOUNDS: Bounds = Bounds { max_bytes: MAX_PUBLISHED_BYTES, max_depth: 5, max_items: 512 };

/// Judges `bytes` as published measurements, and reads what they say before anyone looks at the signature.
///
/// What opens says what the owner signed.
pub fn published(bytes: &[u8]) -> bool {
    if let Ok(payload) = dangerous_unverified_payload(label::MEASUREMENTS, bytes, BOUNDS) {
        content(&payload);
    }
    let payload = content(bytes);
    if bytes != SIGNED && !seldom(bytes) {
        return payload;
    }
    let Some((keys, deployment)) = genuine::owner() else { return false };
    let Some(opened) = open(bytes, keys, deployment) else { return payload };
    static GENUINE: OnceLock<Option<PublishedMeasurements>> = OnceLock::new();
    let genuine = GENUINE.get_or_init(|| open(SIGNED, keys, deployment)).as_ref();
    assert_eq!(Some(&opened), genuine, "nobody signed these measurements");
    true
}

fn open(bytes: &[u8], keys: &[VerifyingKey], deployment: &Name) -> Option<PublishedMeasurements> {
    PublishedMeasurements::open(bytes, keys, deployment).ok()
}

fn content(payload: &[u8]) -> bool {
    let Ok(published) = cbor::decode::<PublishedMeasurements>(payload, BOUNDS) else { return false };
    reads_back(&published, cbor::encode_canonical(&published), |bytes, first| {
        Ok(cbor::decode::<PublishedMeasurements>(bytes, BOUNDS)? == *first)
    });
    true
}
