//! What an owner or an enclave states about controls: public controls, the private part, receipts, audit logs,
//! profiles and reports.

use strongroom_attestation::audit::{AuditOpening, AuditReader};
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::release::{MAX_PROFILE_BYTES, Private, decode_controls, encode_controls};
use strongroom_attestation::report::SealedReport;
use strongroom_monitor::Profile;
use strongroom_monitor::telemetry::Report;
use strongroom_proto::cbor;
use strongroom_proto::limits::MAX_RELEASE_BYTES;
use strongroom_proto::report::{KeptReport, Summary};
use strongroom_seal::label;
use strongroom_seal::signed::dangerous_unverified_payload;

const BOUNDS: cbor::Bounds = cbor::Bounds { max_bytes: MAX_RELEASE_BYTES, max_depth: 8, max_items: 4096 };

/// Reads `bytes` as each of them.
///
/// Controls that are read make sense and survive being written; a private part and an opening survive it too; profiles and reports
/// as well; of a receipt and a log nothing may panic.
pub fn controls(bytes: &[u8]) -> bool {
    public(bytes) | private(bytes) | opening(bytes) | receipt(bytes) | profile(bytes) | report(bytes)
}

fn public(bytes: &[u8]) -> bool {
    let Ok(controls) = decode_controls(bytes) else { return false };
    assert_eq!(controls.check(), Ok(()), "controls that were read make sense");
    let written = encode_controls(&controls);
    // The canonical form may be longer than what was read; then it is refused, and nothing else.
    if let Ok(written) = written {
        assert_eq!(decode_controls(&written).as_ref(), Ok(&controls), "controls read back");
    }
    true
}

fn private(bytes: &[u8]) -> bool {
    let Ok(private) = Private::decode(bytes) else { return false };
    if let Ok(written) = private.encode()
        && let Ok(again) = Private::decode(&written)
    {
        assert!(again.keys == private.keys, "a private part reads back");
    }
    true
}

fn opening(bytes: &[u8]) -> bool {
    let Ok(opening) = AuditOpening::decode(bytes) else { return false };
    if let Ok(mut follower) = AuditReader::follow(bytes) {
        assert_eq!(follower.next(bytes), Ok(None), "a chain without a key takes any record");
        assert_eq!(follower.records(), 1);
    }
    assert!(opening.encode().is_ok_and(|written| AuditOpening::decode(&written) == Ok(opening.clone())));
    true
}

fn profile(bytes: &[u8]) -> bool {
    let Ok(profile) = Profile::decode(bytes) else { return false };
    let written = profile.encode().ok().filter(|written| written.len() <= MAX_PROFILE_BYTES);
    assert!(written.is_none_or(|written| Profile::decode(&written).is_ok_and(|again| again == profile)));
    true
}

/// What the enclave hands over, what the host shows of it, and what the owner opens.
fn report(bytes: &[u8]) -> bool {
    let kept = KeptReport::decode(bytes).is_ok();
    let summary = Summary::decode(bytes).is_ok();
    let sealed = SealedReport::decode(bytes);
    if let Ok(sealed) = &sealed {
        assert!(sealed.encode().is_ok_and(|written| SealedReport::decode(&written).as_ref() == Ok(sealed)));
    }
    Report::decode(bytes).is_ok() | kept | summary | sealed.is_ok()
}

fn receipt(bytes: &[u8]) -> bool {
    let payload = dangerous_unverified_payload(label::RECEIPT, bytes, BOUNDS);
    payload.is_ok_and(|payload| cbor::decode::<Receipt>(&payload, BOUNDS).is_ok())
}
