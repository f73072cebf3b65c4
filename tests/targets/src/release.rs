//! Releases: the bundle that a host hands over, and what enclave and client judge of it.

use std::sync::OnceLock;

use strongroom_attestation::release::{
    AcceptedRelease, Bundle, Release, ReleaseBytes, ReleaseContext, decode_controls,
};
use strongroom_attestation::{ImagePcrs, Pcr};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_seal::label;
use strongroom_seal::signed::dangerous_unverified_payload;

use crate::evidence::TIME;
use crate::genuine;
use crate::rewrite::reads_back;

/// The release that the owner of the seeds has signed, and its controls.
const RELEASE: &[u8] = include_bytes!("../../fuzz/corpus/release/release-release");
const CONTROLS: &[u8] = include_bytes!("../../fuzz/corpus/release/controls-every-field");

/// The image that it lists.
const IMAGE: ImagePcrs =
    ImagePcrs { pcr0: Pcr::new([1; 48]), pcr1: Pcr::new([2; 48]), pcr2: Pcr::new([3; 48]) };

const BOUNDS: Bounds = Bounds { max_bytes: 128 * 1024, max_depth: 6, max_items: 2048 };

/// Reads `bytes` as a bundle, and judges them as a release beside genuine controls and as controls beside a genuine
/// release.
///
/// A bundle survives being written. A release that passes says what the owner signed; controls that pass are its very bytes.
pub fn release(bytes: &[u8]) -> bool {
    if let Ok(payload) = dangerous_unverified_payload(label::RELEASE, bytes, BOUNDS) {
        content(&payload);
    }
    let payload = content(bytes);
    let alone = judge(ReleaseBytes { release: bytes, controls: CONTROLS });
    // The signature takes long; what is not controls needs none to be refused.
    let controls =
        decode_controls(bytes).is_ok() && judge(ReleaseBytes { release: RELEASE, controls: bytes });
    assert!(!controls || bytes == CONTROLS, "other controls than the release names");
    payload | bundle(bytes) | alone | controls
}

fn bundle(bytes: &[u8]) -> bool {
    let Ok(bundle) = Bundle::decode(bytes) else { return false };
    assert!(bundle.encode().is_ok_and(|written| Bundle::decode(&written).as_ref() == Ok(&bundle)));
    judge(bundle.public());
    true
}

fn judge(bytes: ReleaseBytes<'_>) -> bool {
    let Some(accepted) = accepted(bytes) else { return false };
    static GENUINE: OnceLock<Option<AcceptedRelease>> = OnceLock::new();
    let genuine = GENUINE.get_or_init(accepted_genuine).as_ref();
    assert_eq!(Some(accepted.release()), genuine.map(AcceptedRelease::release), "nobody signed this release");
    assert_eq!(Some(accepted.controls()), genuine.map(AcceptedRelease::controls));
    true
}

fn accepted_genuine() -> Option<AcceptedRelease> {
    accepted(ReleaseBytes { release: RELEASE, controls: CONTROLS })
}

fn accepted(bytes: ReleaseBytes<'_>) -> Option<AcceptedRelease> {
    let context = ReleaseContext { charter: genuine::charter()?, image: &IMAGE, now: TIME };
    AcceptedRelease::judge(bytes, context).ok()
}

fn content(payload: &[u8]) -> bool {
    let Ok(release) = cbor::decode::<Release>(payload, BOUNDS) else { return false };
    reads_back(&release, cbor::encode_canonical(&release), |bytes, first| {
        Ok(cbor::decode::<Release>(bytes, BOUNDS)? == *first)
    });
    true
}
