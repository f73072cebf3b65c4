//! Reports on the use of models. What must hold is said in `strongroom_targets::report`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::report(bytes);
});
