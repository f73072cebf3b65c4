//! Evidence. What must hold is said in `strongroom_targets::evidence`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::evidence(bytes);
});
