//! The private part of a release, as the enclave reads it when its package is open.

use std::sync::OnceLock;

use strongroom_attestation::release::{Controls, Private, decode_controls};
use strongroom_proto::cbor::CborError;

/// Public controls that a seed fits.
const CONTROLS: &[u8] = include_bytes!("../../fuzz/corpus/release/controls-every-field");

/// Reads `bytes` as a private part, and holds it against public controls.
///
/// It survives being written, keys and all, and what does not fit the controls before does not fit them afterwards.
pub fn private(bytes: &[u8]) -> bool {
    let Ok(private) = Private::decode(bytes) else { return false };
    static READ: OnceLock<Option<Controls>> = OnceLock::new();
    let controls = READ.get_or_init(|| decode_controls(CONTROLS).ok()).as_ref();
    let fits = controls.map(|controls| private.check(controls));
    let written = private.encode().unwrap_or_default();
    match Private::decode(&written) {
        Ok(again) => {
            assert!(again.keys == private.keys, "keys read back");
            assert!(again.encode() == Ok(written), "a private part reads back");
            assert_eq!(controls.map(|controls| again.check(controls)), fits, "it fits as before");
        }
        // The form that is written names more than what was read, and may be over a bound.
        Err(error) => assert!(matches!(error, CborError::TooLong | CborError::TooManyItems), "{error}"),
    }
    true
}
