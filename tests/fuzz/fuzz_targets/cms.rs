//! Noise as an answer of KMS: the reader must refuse it or read it, never panic or loop.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kms::cms::Enveloped;

fuzz_target!(|bytes: &[u8]| {
    let _ = Enveloped::read(bytes);
});
