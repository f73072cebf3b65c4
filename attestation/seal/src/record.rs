//! Sealed records: AES-256-GCM over a padded body.
//!
//! ```text
//! record = AES-256-GCM( u32 length of the body, big endian | body | zeros )   and its 16-byte tag
//! nonce  = 4 zero bytes | u64 number, big endian
//! ```
//!
//! Each direction of a session has its own key and each number is sealed once, so no nonce is used
//! twice under one key. The key's holder must see to the latter: see `channel` in the attestation crate.

use std::ops::Range;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use strongroom_proto::limits::MAX_RECORD_BYTES;
use zeroize::{Zeroize, Zeroizing};

use crate::limits::{MAX_KEPT_PADDING_BYTES, MIN_RECORD_BYTES, RECORD_OVERHEAD_BYTES};
use crate::secret::wipe_stack;

/// Seals or opens the records of one direction of one session. No `Clone`, no `Debug`.
pub struct RecordKey(Box<LessSafeKey>);

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
        let key = boxed(bytes);
        bytes.zeroize();
        wipe_stack();
        key.map(Self)
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
        let mut record = padded(&[], body, record_bytes)?;
        self.seal_in_place(number, bound, &mut record)?;
        Ok(std::mem::take(&mut *record))
    }

    /// Seals the parts of a body, in order, into a message: the header, to which the record is bound, and the
    /// record of exactly `record_bytes`. It is written and encrypted where it is sent from.
    ///
    /// # Errors
    /// [`RecordError::TooLarge`] when the body does not fit.
    pub fn seal_message(
        &self,
        number: u64,
        header: &[u8],
        body: &[&[u8]],
        record_bytes: usize,
    ) -> Result<Vec<u8>, RecordError> {
        let mut message = padded(header, body, record_bytes)?;
        let (header, record) = message.split_at_mut_checked(header.len()).ok_or(RecordError::TooLarge)?;
        self.seal_in_place(number, Bound(header), record)?;
        Ok(std::mem::take(&mut *message))
    }

    /// Opens a record and returns its body.
    ///
    /// # Errors
    /// [`RecordError::NotAuthentic`], whatever was wrong.
    pub fn open(&self, number: u64, bound: Bound<'_>, record: &[u8]) -> Result<Body, RecordError> {
        self.open_owned(number, bound, record.to_vec())
    }

    /// Opens a record where it lies and returns its body.
    ///
    /// # Errors
    /// [`RecordError::NotAuthentic`], whatever was wrong.
    pub fn open_owned(&self, number: u64, bound: Bound<'_>, record: Vec<u8>) -> Result<Body, RecordError> {
        let mut buffer = Zeroizing::new(record);
        let range = self.open_in_place(number, bound, &mut buffer)?;
        Ok(Body { buffer, range })
    }

    /// Opens a message of a header, to which its record is bound, and the record, where it lies.
    ///
    /// # Errors
    /// [`RecordError::NotAuthentic`], whatever was wrong.
    pub fn open_message(
        &self,
        number: u64,
        header_bytes: usize,
        message: Vec<u8>,
    ) -> Result<Body, RecordError> {
        let mut buffer = Zeroizing::new(message);
        let split = buffer.split_at_mut_checked(header_bytes);
        let (header, record) = split.ok_or(RecordError::NotAuthentic)?;
        let body = self.open_in_place(number, Bound(header), record)?;
        Ok(Body { buffer, range: header_bytes + body.start..header_bytes + body.end })
    }

    /// Encrypts all but the last bytes of `record`, which become its tag.
    fn seal_in_place(&self, number: u64, bound: Bound<'_>, record: &mut [u8]) -> Result<(), RecordError> {
        let plain_bytes = record.len().checked_sub(AES_256_GCM.tag_len()).ok_or(RecordError::TooLarge)?;
        let (plain, place) = record.split_at_mut_checked(plain_bytes).ok_or(RecordError::TooLarge)?;
        let tag = self.0.seal_in_place_separate_tag(nonce(number), Aad::from(bound.0), plain);
        place.copy_from_slice(tag.map_err(|_| RecordError::TooLarge)?.as_ref());
        Ok(())
    }

    /// Decrypts `record` and says where in it the body lies.
    fn open_in_place(
        &self,
        number: u64,
        bound: Bound<'_>,
        record: &mut [u8],
    ) -> Result<Range<usize>, RecordError> {
        let opened = self.0.open_in_place(nonce(number), Aad::from(bound.0), record);
        let plain = opened.map_err(|_| RecordError::NotAuthentic)?;
        let (prefix, padded) = plain.split_first_chunk::<PREFIX_BYTES>().ok_or(RecordError::NotAuthentic)?;
        let length = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| RecordError::NotAuthentic)?;
        let body = padded.get(..length).ok_or(RecordError::NotAuthentic)?;
        Ok(PREFIX_BYTES..PREFIX_BYTES + body.len())
    }
}

/// Bytes of the body's length at the start of a record.
const PREFIX_BYTES: usize = size_of::<u32>();

/// Behind a pointer: a key that moves leaves copies on the stack.
#[inline(never)]
fn boxed(bytes: &[u8; 32]) -> Result<Box<LessSafeKey>, RecordError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| RecordError::NotAuthentic)?;
    Ok(Box::new(LessSafeKey::new(key)))
}

/// The header, the body's length, the body, and zeros up to the end of the record: allocated once, because a
/// buffer that grows leaves pieces of the plaintext behind.
fn padded(header: &[u8], body: &[&[u8]], record_bytes: usize) -> Result<Zeroizing<Vec<u8>>, RecordError> {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let room = record_bytes.checked_sub(RECORD_OVERHEAD_BYTES).ok_or(RecordError::TooLarge)?;
    if length > room || record_bytes > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge);
    }
    let prefix = u32::try_from(length).map_err(|_| RecordError::TooLarge)?.to_be_bytes();
    let whole = header.len() + record_bytes;
    let mut message = Zeroizing::new(Vec::with_capacity(whole));
    message.extend_from_slice(header);
    message.extend(prefix);
    body.iter().for_each(|part| message.extend_from_slice(part));
    message.resize(whole, 0);
    Ok(message)
}

/// The plaintext of an opened record, zeroed when dropped.
pub struct Body {
    buffer: Zeroizing<Vec<u8>>,
    range: Range<usize>,
}

impl Body {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }

    /// The same body without the padding of its record, which is up to half of it. For whoever holds it while
    /// it needs memory for more: it is copied once, and the record wiped and freed.
    #[must_use]
    pub fn without_padding(self) -> Self {
        let bytes = self.bytes();
        if self.buffer.len() - bytes.len() <= MAX_KEPT_PADDING_BYTES {
            return self;
        }
        let buffer = Zeroizing::new(bytes.to_vec());
        let range = 0..buffer.len();
        Self { buffer, range }
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
    fn a_message_is_its_header_and_the_record_that_is_bound_to_it() {
        let message = key(1).seal_message(5, b"header", &[b"bo", b"dy"], 1024).unwrap();
        let record = key(1).seal(5, Bound(b"header"), &[b"body"], 1024).unwrap();
        assert_eq!(message, [b"header".as_slice(), &record].concat());
        assert_eq!(key(1).open_message(5, 6, message.clone()).unwrap().bytes(), b"body");
        assert!(key(1).open_message(5, 5, message.clone()).is_err());
        assert!(key(1).open_message(5, message.len() + 1, message.clone()).is_err());
        for position in [0, 5, 6, 1029] {
            let mut changed = message.clone();
            changed[position] ^= 1;
            assert!(key(1).open_message(5, 6, changed).is_err());
        }
    }

    #[test]
    fn a_body_is_the_same_without_its_padding() {
        for body in [vec![7; 5], vec![7; MAX_KEPT_PADDING_BYTES + 5]] {
            let size = request_record_bytes(2 * body.len()).unwrap();
            let record = key(1).seal(0, Bound(b""), &[&body], size).unwrap();
            let opened = key(1).open_owned(0, Bound(b""), record).unwrap().without_padding();
            assert_eq!(opened.bytes(), body);
            assert!(opened.buffer.len() - body.len() <= MAX_KEPT_PADDING_BYTES);
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
