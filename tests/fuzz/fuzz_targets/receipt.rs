//! Receipts. What must hold is said in `strongroom_targets::receipt`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::receipt(bytes);
});
