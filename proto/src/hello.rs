//! Hello: a client's nonce goes in, evidence comes out.

use serde::{Deserialize, Serialize};

use crate::cbor::{self, CborError};
use crate::limits::CLEAR_CBOR;

/// Bytes of a client's nonce.
pub const NONCE_BYTES: usize = 32;

/// Bytes of an offer id.
pub const OFFER_ID_BYTES: usize = 16;

/// A client's fresh random challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNonce([u8; NONCE_BYTES]);

impl ClientNonce {
    /// Takes random bytes.
    #[must_use]
    pub const fn new(random: [u8; NONCE_BYTES]) -> Self {
        Self(random)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; NONCE_BYTES] {
        &self.0
    }
}

/// Bytes of a [`NonceDigest`].
pub const NONCE_DIGEST_BYTES: usize = 48;

/// Stands for a client's nonce in the list of offers, which every client of a batch gets: it shows a client
/// that its nonce was answered, and tells the others nothing that would open its offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NonceDigest([u8; NONCE_DIGEST_BYTES]);

impl NonceDigest {
    /// Takes the digest's bytes.
    #[must_use]
    pub const fn new(bytes: [u8; NONCE_DIGEST_BYTES]) -> Self {
        Self(bytes)
    }
}

/// Names one offer of a channel to one client, and later the session that the client opened with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId([u8; OFFER_ID_BYTES]);

impl OfferId {
    /// Takes random bytes.
    #[must_use]
    pub const fn new(random: [u8; OFFER_ID_BYTES]) -> Self {
        Self(random)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; OFFER_ID_BYTES] {
        &self.0
    }
}

/// What a client judges: one attestation document and everything it commits to, as bytes.
///
/// Digests are taken over these bytes, never over a re-encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// COSE_Sign1 attestation document of the NSM.
    #[serde(with = "serde_bytes")]
    pub document: Vec<u8>,
    /// The batch: pairs of nonce digest and offer id, 64 bytes each.
    #[serde(with = "serde_bytes")]
    pub offers: Vec<u8>,
    /// Claims, to which the document's `user_data` commits.
    #[serde(with = "serde_bytes")]
    pub claims: Vec<u8>,
    /// The owner's charter, to which PCR16 commits.
    #[serde(with = "serde_bytes")]
    pub charter: Vec<u8>,
    /// The owner's signed release, to which the claims commit.
    #[serde(with = "serde_bytes")]
    pub release: Vec<u8>,
    /// The release's public controls, to which the claims commit.
    #[serde(with = "serde_bytes")]
    pub controls: Vec<u8>,
}

impl Evidence {
    /// Reads evidence.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        cbor::decode(bytes, CLEAR_CBOR)
    }

    /// Writes evidence.
    ///
    /// # Errors
    /// [`CborError::Encode`], which byte strings do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }
}

/// The pairs of a batch in the order of the list.
///
/// Returns `None` when the length is not a whole number of pairs.
#[must_use]
pub fn read_offers(list: &[u8]) -> Option<Vec<(NonceDigest, OfferId)>> {
    let (pairs, rest) = list.as_chunks::<{ NONCE_DIGEST_BYTES + OFFER_ID_BYTES }>();
    let read = |pair: &[u8; NONCE_DIGEST_BYTES + OFFER_ID_BYTES]| {
        let (nonce, offer) = pair.split_first_chunk::<NONCE_DIGEST_BYTES>()?;
        Some((NonceDigest(*nonce), OfferId(offer.try_into().ok()?)))
    };
    if rest.is_empty() { pairs.iter().map(read).collect() } else { None }
}

/// Writes the list of a batch.
#[must_use]
pub fn write_offers(offers: &[(NonceDigest, OfferId)]) -> Vec<u8> {
    offers.iter().flat_map(|(nonce, offer)| nonce.0.into_iter().chain(offer.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_read_back_and_torn_lists_are_refused() {
        let offers = vec![
            (NonceDigest::new([1; 48]), OfferId::new([2; 16])),
            (NonceDigest::new([3; 48]), OfferId::new([4; 16])),
        ];
        let list = write_offers(&offers);
        assert_eq!(list.len(), 128);
        assert_eq!(read_offers(&list), Some(offers));
        assert_eq!(read_offers(list.get(1..).unwrap()), None);
    }
}
