//! Private parts of releases. What must hold is said in `strongroom_targets::private`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::private(bytes);
});
