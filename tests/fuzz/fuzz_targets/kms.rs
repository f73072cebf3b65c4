//! The JSON of KMS. What must hold is said in `strongroom_targets::kms`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::kms(bytes);
});
