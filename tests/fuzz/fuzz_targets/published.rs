//! Published measurements. What must hold is said in `strongroom_targets::published`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::published(bytes);
});
