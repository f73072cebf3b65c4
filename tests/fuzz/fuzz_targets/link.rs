//! Connections between host and enclave. What must hold is said in `strongroom_targets::link`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::link(bytes);
});
