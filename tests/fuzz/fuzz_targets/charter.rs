//! Charters. What must hold is said in `strongroom_targets::charter`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::charter(bytes);
});
