//! What an owner signs about a package, read without the signature.

use strongroom_proto::cbor;
use strongroom_proto::limits::MAX_RECORD_BYTES;
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::{ChunkPlan, Manifest, ModelManifest, PrivateManifest, TAG_BYTES};

use crate::rewrite::reads_back;

/// Reads `bytes` as the manifest of a model and of a private part.
///
/// It survives being written. One that fits together has chunks that add up to its content, an interface that no
/// request of nothing passes unless it has no inputs, and answers of one bounded size a class.
pub fn manifest(bytes: &[u8]) -> bool {
    model(bytes) | private(bytes)
}

fn model(bytes: &[u8]) -> bool {
    let Ok(manifest) = cbor::decode::<ModelManifest>(bytes, DOCUMENT_CBOR) else { return false };
    // By their bytes, because a schema that nobody has checked may hold what is no number.
    reads_back(&manifest, cbor::encode(&manifest), |bytes, first| {
        Ok(cbor::encode(&cbor::decode::<ModelManifest>(bytes, DOCUMENT_CBOR)?) == cbor::encode(first))
    });
    for class in 10..27 {
        let size = manifest.answer.record_bytes(1 << class);
        assert!(size.is_power_of_two() && size <= MAX_RECORD_BYTES, "answers of one bounded size");
    }
    if manifest.check().is_ok() {
        whole(&manifest);
        let interface = &manifest.interface;
        assert_eq!(interface.admit(&[]).is_ok(), interface.inputs.is_empty());
        assert!(interface.most_rows() >= 1, "no request has fewer rows than one");
    }
    true
}

fn private(bytes: &[u8]) -> bool {
    let Ok(manifest) = cbor::decode::<PrivateManifest>(bytes, DOCUMENT_CBOR) else { return false };
    reads_back(&manifest, cbor::encode(&manifest), |bytes, first| {
        Ok(cbor::decode::<PrivateManifest>(bytes, DOCUMENT_CBOR)? == *first)
    });
    if manifest.check().is_ok() {
        whole(&manifest);
    }
    true
}

/// Chunks of a manifest that fits together.
fn whole<M: Manifest>(manifest: &M) {
    let plan = ChunkPlan::new(manifest.content());
    assert!(plan.is_ok(), "a manifest that was checked has a plan");
    let Ok(plan) = plan else { return };
    let last = plan.count() - 1;
    let end = plan.sealed_offset(last) + (plan.plain_bytes(last) + TAG_BYTES) as u64;
    assert_eq!(end, plan.sealed_bytes(), "the last chunk ends the package");
}
