//! Public controls, which clients read as they came.

use strongroom_attestation::release::{decode_controls, encode_controls};

/// Reads `bytes` as public controls.
///
/// Controls that are read make sense and survive being written.
pub fn controls(bytes: &[u8]) -> bool {
    let Ok(controls) = decode_controls(bytes) else { return false };
    assert_eq!(controls.check(), Ok(()), "controls that were read make sense");
    let written = encode_controls(&controls);
    // The canonical form may be longer than what was read; then it is refused, and nothing else.
    if let Ok(written) = written {
        assert_eq!(decode_controls(&written).as_ref(), Ok(&controls), "controls read back");
        assert_eq!(encode_controls(&controls).as_ref(), Ok(&written), "one way to write them");
    }
    true
}
