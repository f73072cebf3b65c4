//! The strict reader of CBOR, under everything that is CBOR.

use serde::de::IgnoredAny;
use strongroom_proto::cbor::{self, Bounds, CborError};

/// Bounds of the kind that documents have.
const BOUNDS: Bounds = Bounds { max_bytes: 4096, max_depth: 6, max_items: 256 };

const WIDER: Bounds = Bounds { max_bytes: 1 << 20, max_depth: 32, max_items: 1 << 16 };

/// Reads `bytes` under bounds and under other ones.
///
/// What passes is within them, passes wider ones too, and is whole: neither a byte less nor a byte more passes. No item takes
/// less than a byte. Nothing that was refused is read.
pub fn cbor(bytes: &[u8]) -> bool {
    let scanned = cbor::scan(bytes, BOUNDS);
    let read = cbor::decode::<IgnoredAny>(bytes, BOUNDS);
    if scanned.is_err() {
        assert!(read.is_err(), "refused, and read all the same");
        return false;
    }
    assert!(bytes.len() <= BOUNDS.max_bytes);
    assert_eq!(cbor::scan(bytes, WIDER), Ok(()), "wider bounds refuse it");
    let each = Bounds { max_items: bytes.len(), ..BOUNDS };
    assert_eq!(cbor::scan(bytes, each), Ok(()), "an item of no bytes");
    let longer = [bytes, &[0]].concat();
    assert_eq!(cbor::scan(&longer, WIDER), Err(CborError::Trailing), "a trailing byte is refused");
    if let Some((_, shorter)) = bytes.split_last() {
        assert_eq!(cbor::scan(shorter, WIDER), Err(CborError::Truncated), "a truncation is refused");
    }
    true
}
