//! Charters.

use std::sync::OnceLock;

use strongroom_attestation::charter::{Charter, SignedCharter};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::MAX_CHARTER_BYTES;
use strongroom_seal::digest::CharterDigest;
use strongroom_seal::label;
use strongroom_seal::signed::dangerous_unverified_payload;

use crate::rewrite::reads_back;

/// Every charter that the keys of the seeds have signed.
const SIGNED: [&[u8]; 2] = [
    include_bytes!("../../fuzz/corpus/charter/charter-charter"),
    include_bytes!("../../fuzz/corpus/charter/charter-two-keys"),
];

const BOUNDS: Bounds = Bounds { max_bytes: MAX_CHARTER_BYTES, max_depth: 6, max_items: 64 };

/// Judges `bytes` as a charter, and reads what it says before anyone looks at the signature.
///
/// A charter that opens is one that was signed, its signer is among its own keys, and its digest is that of the bytes as
/// they came.
pub fn charter(bytes: &[u8]) -> bool {
    if let Ok(payload) = dangerous_unverified_payload(label::CHARTER, bytes, BOUNDS) {
        content(&payload);
    }
    let payload = content(bytes);
    let Ok(opened) = SignedCharter::open(bytes) else { return payload };
    assert_eq!(opened.digest(), CharterDigest::of(bytes));
    assert_eq!(opened.document(), bytes);
    assert!(opened.charter().keys.iter().any(|key| key.id() == opened.signer()), "signed by another key");
    assert!(genuine().contains(opened.charter()), "nobody signed this charter");
    true
}

fn content(payload: &[u8]) -> bool {
    let Ok(charter) = cbor::decode::<Charter>(payload, BOUNDS) else { return false };
    reads_back(&charter, cbor::encode_canonical(&charter), |bytes, first| {
        Ok(cbor::decode::<Charter>(bytes, BOUNDS)? == *first)
    });
    true
}

fn genuine() -> &'static [Charter] {
    static OPENED: OnceLock<Vec<Charter>> = OnceLock::new();
    OPENED.get_or_init(|| {
        let open =
            |document: &&[u8]| SignedCharter::open(document).ok().map(|opened| opened.charter().clone());
        SIGNED.iter().filter_map(open).collect()
    })
}
