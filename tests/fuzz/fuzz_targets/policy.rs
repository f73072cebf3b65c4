//! Key policies. What must hold is said in `strongroom_targets::policy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::policy(bytes);
});
