//! Audit logs. What must hold is said in `strongroom_targets::audit`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::audit(bytes);
});
