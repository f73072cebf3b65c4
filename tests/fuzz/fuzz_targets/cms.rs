//! Answers of KMS. What must hold is said in `strongroom_targets::cms`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::cms(bytes);
});
