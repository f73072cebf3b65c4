//! Trust files, alone and with published measurements beside them.

use strongroom_core::TrustFile;
use strongroom_core::limits::MAX_TRUSTED_IMAGES;

/// Measurements that a publisher of the seeds has signed.
const PUBLISHED: &[u8] = include_bytes!("../../fuzz/corpus/published/published-measurements-two-images");

/// Reads `bytes` as a trust file.
///
/// One that is read demands an image without registers of zeros, says whether it is a simulation, and is written as a file
/// with the same demands.
pub fn trust(bytes: &[u8]) -> bool {
    let alone = TrustFile::parse(bytes);
    let beside = TrustFile::parse_with_measurements(bytes, PUBLISHED);
    alone.iter().chain(&beside).for_each(demands);
    alone.is_ok() | beside.is_ok()
}

fn demands(file: &TrustFile) {
    let demands = file.demands();
    assert!((1..=MAX_TRUSTED_IMAGES).contains(&demands.images.len()), "an image is demanded");
    assert!(demands.images.iter().all(|image| !image.pcr0.is_zero()), "a debug image");
    assert!(!demands.max_age.is_zero());
    let again = TrustFile::parse(file.to_toml().as_bytes());
    assert!(again.is_ok(), "a trust file reads back");
    let Ok(again) = again else { return };
    let written = again.demands();
    assert_eq!(again.is_simulation(), file.is_simulation());
    assert_eq!((&written.images, &written.charter), (&demands.images, &demands.charter));
    assert_eq!((&written.models, &written.controls), (&demands.models, &demands.controls));
    assert_eq!((written.least_epoch, written.max_age), (demands.least_epoch, demands.max_age));
    assert_eq!(written.root.der(), demands.root.der());
}
