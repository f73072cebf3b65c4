//! Frames and messages in clear. What must hold is said in `strongroom_targets::frame`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::frame(bytes);
});
