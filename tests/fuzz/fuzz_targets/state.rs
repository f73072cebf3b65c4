//! Counters of an earlier boot. What must hold is said in `strongroom_targets::state`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::state(bytes);
});
