//! Hellos and the parts of their answers. What must hold is said in `strongroom_targets::hello`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::hello(bytes);
});
