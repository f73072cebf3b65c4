//! Sealed records: AES-256-GCM over a padded body.
//!
//! ```text
//! record = AES-256-GCM( u32 length of the body, big endian | body | zeros )   and its 16-byte tag
//! nonce  = 4 zero bytes | u64 number, big endian
//! ```
//!
//! Each direction of a session has its own key and each number is sealed once, so no nonce is used
//! twice under one key. The key's holder must see to the latter: see `channel` in the attestation crate.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use strongroom_proto::limits::MAX_RECORD_BYTES;
use zeroize::{Zeroize, Zeroizing};

use crate::limits::{MIN_RECORD_BYTES, RECORD_OVERHEAD_BYTES};

/// Seals or opens the records of one direction of one session. No `Clone`, no `Debug`.
pub struct RecordKey(LessSafeKey);

/// Bytes in clear that a record is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a>(pub &'a [u8]);

/// Why a record was refused or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The body does not fit the record's size.
    #[error("too large for its record")]
    TooLarge,
    /// The record is not authentic: changed, cut, of another session, number or direction.
    #[error("record is not authentic")]
    NotAuthentic,
}

impl RecordKey {
    /// Takes key bytes and zeroes the caller's copy.
    ///
    /// # Errors
    /// [`RecordError::NotAuthentic`] never happens for 32 bytes; ring's signature allows for it.
    pub fn take(bytes: &mut [u8; 32]) -> Result<Self, RecordError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| RecordError::NotAuthentic);
        bytes.zeroize();
        key.map(LessSafeKey::new).map(Self)
    }

    /// Seals the parts of a body, in order, into a record of exactly `record_bytes`.
    ///
    /// # Errors
    /// [`RecordError::TooLarge`] when the body does not fit.
    pub fn seal(
        &self,
        number: u64,
        bound: Bound<'_>,
        body: &[&[u8]],
        record_bytes: usize,
    ) -> Result<Vec<u8>, RecordError> {
        let length: usize = body.iter().map(|part| part.len()).sum();
        if length > record_bytes.saturating_sub(RECORD_OVERHEAD_BYTES) || record_bytes > MAX_RECORD_BYTES {
            return Err(RecordError::TooLarge);
        }
        let prefix = u32::try_from(length).map_err(|_| RecordError::TooLarge)?.to_be_bytes();
        let mut record = Vec::with_capacity(record_bytes);
        record.extend(prefix);
        body.iter().for_each(|part| record.extend_from_slice(part));
        record.resize(record_bytes - AES_256_GCM.tag_len(), 0);
        let sealed = self.0.seal_in_place_append_tag(nonce(number), Aad::from(bound.0), &mut record);
        sealed.map(|()| record).map_err(|_| RecordError::TooLarge)
    }

    /// Opens a record and returns its body.
    ///
    /// # Errors
    /// [`RecordError::NotAuthentic`], whatever was wrong.
    pub fn open(&self, number: u64, bound: Bound<'_>, record: &[u8]) -> Result<Body, RecordError> {
        let mut buffer = Zeroizing::new(record.to_vec());
        let opened = self.0.open_in_place(nonce(number), Aad::from(bound.0), &mut buffer);
        let plain = opened.map_err(|_| RecordError::NotAuthentic)?;
        let (prefix, padded) = plain.split_first_chunk::<4>().ok_or(RecordError::NotAuthentic)?;
        let length = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| RecordError::NotAuthentic)?;
        let body = padded.get(..length).ok_or(RecordError::NotAuthentic)?;
        let range = prefix.len()..prefix.len() + body.len();
        Ok(Body { buffer, range })
    }
}

/// The plaintext of an opened record, zeroed when dropped.
pub struct Body {
    buffer: Zeroizing<Vec<u8>>,
    range: std::ops::Range<usize>,
}

impl Body {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }
}

/// Bytes of the record that carries a request of `body_bytes`: the next power of two.
///
/// # Errors
/// [`RecordError::TooLarge`] beyond [`MAX_RECORD_BYTES`].
pub fn request_record_bytes(body_bytes: usize) -> Result<usize, RecordError> {
    let whole = body_bytes.checked_add(RECORD_OVERHEAD_BYTES).ok_or(RecordError::TooLarge)?;
    let class = whole.max(MIN_RECORD_BYTES).checked_next_power_of_two().ok_or(RecordError::TooLarge)?;
    if class > MAX_RECORD_BYTES { Err(RecordError::TooLarge) } else { Ok(class) }
}

/// Whether a record has a size that [`request_record_bytes`] gives.
#[must_use]
pub fn is_request_record_size(bytes: usize) -> bool {
    bytes.is_power_of_two() && (MIN_RECORD_BYTES..=MAX_RECORD_BYTES).contains(&bytes)
}

fn nonce(number: u64) -> Nonce {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    Nonce::assume_unique_for_key([0, 0, 0, 0, a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> RecordKey {
        RecordKey::take(&mut [byte; 32]).unwrap()
    }

    #[test]
    fn any_change_of_number_header_key_or_record_is_refused() {
        let record = key(1).seal(5, Bound(b"header"), &[b"bo", b"dy"], 1024).unwrap();
        assert_eq!(record.len(), 1024);
        assert_eq!(key(1).open(5, Bound(b"header"), &record).unwrap().bytes(), b"body");
        assert!(key(1).open(6, Bound(b"header"), &record).is_err());
        assert!(key(1).open(5, Bound(b"footer"), &record).is_err());
        assert!(key(2).open(5, Bound(b"header"), &record).is_err());
        for position in 0..record.len() {
            let mut changed = record.clone();
            changed[position] ^= 0x80;
            assert!(key(1).open(5, Bound(b"header"), &changed).is_err());
        }
    }

    #[test]
    fn sizes_are_powers_of_two_within_bounds() {
        assert_eq!(request_record_bytes(0), Ok(1024));
        assert_eq!(request_record_bytes(1024 - RECORD_OVERHEAD_BYTES), Ok(1024));
        assert_eq!(request_record_bytes(1025 - RECORD_OVERHEAD_BYTES), Ok(2048));
        assert_eq!(request_record_bytes(MAX_RECORD_BYTES), Err(RecordError::TooLarge));
        assert!(key(1).seal(0, Bound(b""), &[&[0; 1005]], 1024).is_err());
        assert!(
            is_request_record_size(4096) && !is_request_record_size(4097) && !is_request_record_size(512)
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(body in proptest::collection::vec(any::<u8>(), 0..3000), number in any::<u64>()) {
            let size = request_record_bytes(body.len()).unwrap();
            let record = key(3).seal(number, Bound(b"h"), &[&body], size).unwrap();
            prop_assert!(is_request_record_size(record.len()));
            let opened = key(3).open(number, Bound(b"h"), &record).unwrap();
            prop_assert_eq!(opened.bytes(), body.as_slice());
        }

        #[test]
        fn any_bytes_are_refused_without_panic(record in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(key(3).open(0, Bound(b"h"), &record).is_err());
        }
    }
}
