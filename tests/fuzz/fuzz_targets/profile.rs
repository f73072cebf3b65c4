//! Profiles of models' data. What must hold is said in `strongroom_targets::profile`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::profile(bytes);
});
