//! The hello and the parts of its answer that are read before, and beside, the attestation document.

use strongroom_attestation::claims::Claims;
use strongroom_attestation::evidence::nonce_digest;
use strongroom_proto::hello::{ClientNonce, Evidence, NONCE_BYTES, OfferId, read_offers, write_offers};

use crate::rewrite::reads_back;

/// Reads `bytes` as a nonce, as the enclave does, and as evidence, offers and claims, as the client does.
///
/// A hello has one length. Evidence and claims survive being written, and offers are whole pairs that are written back
/// unchanged.
pub fn hello(bytes: &[u8]) -> bool {
    nonce(bytes) | evidence(bytes) | offers(bytes) | claims(bytes)
}

fn nonce(bytes: &[u8]) -> bool {
    let nonce = <[u8; NONCE_BYTES]>::try_from(bytes).map(ClientNonce::new);
    assert_eq!(nonce.is_ok(), bytes.len() == NONCE_BYTES);
    let Ok(nonce) = nonce else { return false };
    let pair = (nonce_digest(nonce), OfferId::new([7; 16]));
    assert_eq!(read_offers(&write_offers(&[pair])), Some(vec![pair]), "an offer to it is found");
    true
}

fn evidence(bytes: &[u8]) -> bool {
    let Ok(evidence) = Evidence::decode(bytes) else { return false };
    let held = [&evidence.document, &evidence.offers, &evidence.claims]
        .into_iter()
        .chain([&evidence.charter, &evidence.release, &evidence.controls])
        .map(Vec::len)
        .sum::<usize>();
    assert!(held < bytes.len(), "parts do not overlap");
    reads_back(&evidence, evidence.encode(), |bytes, first| Ok(Evidence::decode(bytes)? == *first));
    offers(&evidence.offers);
    claims(&evidence.claims);
    true
}

fn offers(bytes: &[u8]) -> bool {
    let Some(offers) = read_offers(bytes) else { return false };
    assert_eq!(write_offers(&offers), bytes, "offers are written back unchanged");
    !offers.is_empty()
}

fn claims(bytes: &[u8]) -> bool {
    let Ok(claims) = Claims::decode(bytes) else { return false };
    reads_back(&claims, claims.encode(), |bytes, first| Ok(Claims::decode(bytes)? == *first));
    true
}
