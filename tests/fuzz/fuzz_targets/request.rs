//! Plaintext of sealed records. What must hold is said in `strongroom_targets::request`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::request(bytes);
});
