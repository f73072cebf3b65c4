//! Releases. What must hold is said in `strongroom_targets::release`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::release(bytes);
});
