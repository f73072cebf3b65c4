//! Public controls. What must hold is said in `strongroom_targets::controls`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::controls(bytes);
});
