//! The COSE_Sign1 structure around a document (RFC 9052 section 4.2): steps 1 to 6.

use std::collections::BTreeMap;

use serde_bytes::Bytes;
use strongroom_proto::cbor;

use super::item::Item;
use crate::error::FormatError;
use crate::limits::{ENVELOPE_CBOR, HEADER_CBOR, MAX_DOCUMENT_BYTES, MAX_PAYLOAD_BYTES, SIGNATURE_BYTES};

/// The CBOR tag 18 of COSE_Sign1. A document may stand with or without it.
const TAG_COSE_SIGN1: u8 = 0xd2;

/// Label and value of "alg: ES384" (RFC 9052 section 3.1, RFC 9053 section 2.1).
const ALG_ES384: (Item<'_>, Item<'_>) = (Item::Unsigned(1), Item::Negative(-35));

/// The parts of the structure, as received.
pub(super) struct Envelope<'a> {
    pub(super) protected: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) signature: &'a [u8; SIGNATURE_BYTES],
}

impl<'a> Envelope<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, FormatError> {
        // Step 1: size.
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(FormatError::TooLong);
        }
        // Step 2: four elements, tagged 18 or untagged, nothing after them.
        let untagged = bytes.strip_prefix(&[TAG_COSE_SIGN1]).unwrap_or(bytes);
        let [protected, unprotected, payload, signature] = elements(untagged)?;
        let (Item::Bytes(protected), Item::Map(unprotected), Item::Bytes(payload), Item::Bytes(signature)) =
            (protected, unprotected, payload, signature)
        else {
            return Err(FormatError::Envelope);
        };
        // Step 3: the algorithm and nothing else is protected.
        if cbor::decode_tree(protected, HEADER_CBOR) != Ok(Item::Map(vec![ALG_ES384])) {
            return Err(FormatError::Algorithm);
        }
        // Step 4: nothing is unprotected.
        if !unprotected.is_empty() {
            return Err(FormatError::Unprotected);
        }
        // Step 5: payload size.
        if payload.is_empty() || payload.len() > MAX_PAYLOAD_BYTES {
            return Err(FormatError::PayloadSize { bytes: payload.len() });
        }
        // Step 6: signature size.
        let bytes = signature.len();
        let signature = signature.try_into().map_err(|_| FormatError::SignatureSize { bytes })?;
        Self { protected, payload, signature }.in_shortest_form(untagged)
    }

    /// Step 2, the rest: no other spelling. What is not signed must not be malleable either.
    fn in_shortest_form(self, untagged: &[u8]) -> Result<Self, FormatError> {
        let nothing = BTreeMap::<u8, u8>::new();
        let shortest = (
            Bytes::new(self.protected),
            nothing,
            Bytes::new(self.payload),
            Bytes::new(self.signature.as_slice()),
        );
        match cbor::encode(&shortest) {
            Ok(encoded) if encoded == untagged => Ok(self),
            _ => Err(FormatError::Envelope),
        }
    }
}

/// The payload alone. Says nothing about the proof around it, not even whether there is one.
pub(super) fn payload(bytes: &[u8]) -> Result<&[u8], FormatError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(FormatError::TooLong);
    }
    let untagged = bytes.strip_prefix(&[TAG_COSE_SIGN1]).unwrap_or(bytes);
    match elements(untagged)? {
        [_, _, Item::Bytes(payload), _] if payload.is_empty() || payload.len() > MAX_PAYLOAD_BYTES => {
            Err(FormatError::PayloadSize { bytes: payload.len() })
        }
        [_, _, Item::Bytes(payload), _] => Ok(payload),
        _ => Err(FormatError::Envelope),
    }
}

fn elements(untagged: &[u8]) -> Result<[Item<'_>; 4], FormatError> {
    match cbor::decode_tree(untagged, ENVELOPE_CBOR) {
        Ok(Item::Array(elements)) => elements.try_into().map_err(|_| FormatError::Envelope),
        _ => Err(FormatError::Envelope),
    }
}
