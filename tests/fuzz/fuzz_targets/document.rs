//! Attestation documents. What must hold is said in `strongroom_targets::document`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::document(bytes);
});
