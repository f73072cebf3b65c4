//! Tensors. What must hold is said in `strongroom_targets::tensors`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::tensors(bytes);
});
