//! Manifests of packages. What must hold is said in `strongroom_targets::manifest`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom_targets::manifest(bytes);
});
