//! Bounded CBOR. What must hold is said in `strongroom_targets::cbor`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::cbor(bytes);
});
