//! Sealed packages. What must hold is said in `strongroom_targets::package`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::package(bytes);
});
