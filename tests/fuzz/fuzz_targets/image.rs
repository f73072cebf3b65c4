//! Enclave images. What must hold is said in `strongroom_targets::image`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::image(bytes);
});
