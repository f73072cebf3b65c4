//! Counters that one boot leaves to the next, behind the seal.

use strongroom_controls::Ledger;
use strongroom_controls::ledger::Saved;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::MAX_STATE_BYTES;

const BOUNDS: Bounds = Bounds { max_bytes: MAX_STATE_BYTES, max_depth: 6, max_items: 4_000_000 };

/// Reads `bytes` as saved counters and goes on counting with them.
///
/// Counters survive being written. Going on with them twice, in one ledger or in a next boot, neither fails nor runs over,
/// and what a boot saves is what the next one saves.
pub fn state(bytes: &[u8]) -> bool {
    let Ok(saved) = cbor::decode::<Saved>(bytes, BOUNDS) else { return false };
    let written = cbor::encode(&saved);
    assert!(written.is_ok_and(|written| cbor::decode::<Saved>(&written, BOUNDS).as_ref() == Ok(&saved)));
    let first = Ledger::default();
    first.restore(saved.clone());
    let next = Ledger::default();
    next.restore(first.save());
    assert_eq!(sorted(&next), sorted(&first), "a boot takes over what the last one left");
    first.restore(saved);
    next.restore(first.save());
    true
}

/// The bytes of what a ledger saves, sorted, because the order of its tables is another one each time.
fn sorted(ledger: &Ledger) -> Vec<u8> {
    let mut bytes = cbor::encode(&ledger.save()).unwrap_or_default();
    bytes.sort_unstable();
    bytes
}
