//! Trust files. What must hold is said in `strongroom_targets::trust`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::trust(bytes);
});
