//! Messages of a session: a header in clear and one sealed record.
//!
//! ```text
//! opening  0x01 | offer id, 16 | client nonce, 32 | encapsulated key, 1120 | record
//! request  0x02 | session id, 16 | number, u64 big endian | record
//! answer   the record alone; it is sealed under the number of its request
//! ```
//!
//! The header is the associated data of its record, so a changed header is a refused record.

use crate::hello::{ClientNonce, NONCE_BYTES, OFFER_ID_BYTES, OfferId};

/// Bytes of an X-Wing encapsulated key: ML-KEM-768 ciphertext and X25519 share.
pub const ENCAPSULATED_KEY_BYTES: usize = 1120;

/// Bytes of the header of an opening.
pub const OPENING_HEADER_BYTES: usize = 1 + OFFER_ID_BYTES + NONCE_BYTES + ENCAPSULATED_KEY_BYTES;

/// Bytes of the header of a request.
pub const REQUEST_HEADER_BYTES: usize = 1 + OFFER_ID_BYTES + 8;

const OPENING: u8 = 1;
const REQUEST: u8 = 2;

/// A message as it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Opens an offer and makes it a session.
    Opening {
        /// Which offer.
        offer: OfferId,
        /// The nonce that the offer answers. Other clients of the batch do not know it.
        nonce: ClientNonce,
        /// HPKE encapsulated key.
        encapsulated_key: &'a [u8; ENCAPSULATED_KEY_BYTES],
        /// The header's bytes, associated data of the record.
        header: &'a [u8],
        /// The sealed record.
        record: &'a [u8],
    },
    /// A further request of a session.
    Request {
        /// Which session: the id of the offer that was opened.
        session: OfferId,
        /// The request's number, 1 or more; the opening has number 0.
        number: u64,
        /// The header's bytes, associated data of the record.
        header: &'a [u8],
        /// The sealed record.
        record: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Splits a message. Returns `None` for anything else.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match *bytes.first()? {
            OPENING => Self::parse_opening(bytes),
            REQUEST => Self::parse_request(bytes),
            _ => None,
        }
    }

    fn parse_opening(bytes: &'a [u8]) -> Option<Self> {
        let (header, record) = bytes.split_at_checked(OPENING_HEADER_BYTES)?;
        let (offer, rest) = header.get(1..)?.split_first_chunk::<OFFER_ID_BYTES>()?;
        let (nonce, encapsulated_key) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let encapsulated_key = encapsulated_key.try_into().ok()?;
        let (offer, nonce) = (OfferId::new(*offer), ClientNonce::new(*nonce));
        Some(Self::Opening { offer, nonce, encapsulated_key, header, record })
    }

    fn parse_request(bytes: &'a [u8]) -> Option<Self> {
        let (header, record) = bytes.split_at_checked(REQUEST_HEADER_BYTES)?;
        let (session, number) = header.get(1..)?.split_first_chunk::<OFFER_ID_BYTES>()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        (number > 0).then_some(Self::Request { session: OfferId::new(*session), number, header, record })
    }
}

/// The header of an opening.
#[must_use]
pub fn opening_header(
    offer: OfferId,
    nonce: ClientNonce,
    encapsulated_key: &[u8; ENCAPSULATED_KEY_BYTES],
) -> Vec<u8> {
    [&[OPENING], offer.as_bytes().as_slice(), nonce.as_bytes(), encapsulated_key].concat()
}

/// The header of a request.
#[must_use]
pub fn request_header(session: OfferId, number: u64) -> Vec<u8> {
    [&[REQUEST], session.as_bytes().as_slice(), &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_read_back() {
        let offer = OfferId::new([9; 16]);
        let sent = ClientNonce::new([6; 32]);
        let bytes = [opening_header(offer, sent, &[5; ENCAPSULATED_KEY_BYTES]), vec![1, 2]].concat();
        let Some(Message::Opening { offer: read, nonce, encapsulated_key, record, .. }) =
            Message::parse(&bytes)
        else {
            panic!("not an opening")
        };
        assert_eq!((read, nonce), (offer, sent));
        assert_eq!((encapsulated_key, record), (&[5; ENCAPSULATED_KEY_BYTES], [1, 2].as_slice()));

        let bytes = [request_header(offer, 77), vec![3]].concat();
        let Some(Message::Request { session, number, record, .. }) = Message::parse(&bytes) else {
            panic!("not a request")
        };
        assert_eq!((session, number, record), (offer, 77, [3].as_slice()));
        assert_eq!(Message::parse(&request_header(offer, 0)), None, "number 0 belongs to the opening");
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_not_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = Message::parse(&bytes);
        }
    }
}
