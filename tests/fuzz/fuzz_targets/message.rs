//! Sealed messages. What must hold is said in `strongroom_targets::message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::message(bytes);
});
