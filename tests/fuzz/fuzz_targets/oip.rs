//! Bodies of the Open Inference Protocol. What must hold is said in `strongroom_targets::oip`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::oip(bytes);
});
