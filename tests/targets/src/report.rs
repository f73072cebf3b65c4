//! Reports on the use of models: what the host keeps and shows of them, and what the owner opens.

use std::sync::OnceLock;

use strongroom_attestation::audit::AuditPrivateKey;
use strongroom_attestation::report::SealedReport;
use strongroom_monitor::telemetry::Report;
use strongroom_proto::report::{KeptReport, Summary};
use zeroize::Zeroizing;

use crate::rewrite::reads_back;

/// Seed of the audit key that the seeds are sealed to. Everybody has it.
const AUDIT_SEED: [u8; 32] = [0xad; 32];

/// Reads `bytes` as a report that is kept, as its summary, as a sealed one and as an opened one.
///
/// What is read survives being written; a summary keeps the length to which it was padded. An opened report has a summary.
pub fn report(bytes: &[u8]) -> bool {
    kept(bytes) | summary(bytes) | sealed(bytes) | opened(bytes)
}

fn kept(bytes: &[u8]) -> bool {
    let Ok(kept) = KeptReport::decode(bytes) else { return false };
    reads_back(&kept, kept.encode(), |bytes, first| Ok(KeptReport::decode(bytes)? == *first));
    summary(&kept.summary);
    true
}

fn summary(bytes: &[u8]) -> bool {
    let Ok(summary) = Summary::decode(bytes) else { return false };
    // The form that is written names more than what was read, and may not fit where it stood.
    if let Ok(again) = summary.pad(bytes.len()) {
        assert_eq!(again.len(), bytes.len(), "its length says nothing");
        assert!(Summary::decode(&again).is_ok(), "a summary reads back");
    }
    true
}

fn sealed(bytes: &[u8]) -> bool {
    static KEY: OnceLock<AuditPrivateKey> = OnceLock::new();
    let Ok(sealed) = SealedReport::decode(bytes) else { return false };
    assert!(sealed.encode().is_ok_and(|written| SealedReport::decode(&written).as_ref() == Ok(&sealed)));
    let key = KEY.get_or_init(|| AuditPrivateKey::from_seed(Zeroizing::new(AUDIT_SEED)));
    if let Ok(body) = sealed.open(key) {
        opened(body.bytes());
    }
    true
}

fn opened(bytes: &[u8]) -> bool {
    let Ok(report) = Report::decode(bytes) else { return false };
    let summary = report.summary();
    assert_eq!(summary.models.len(), report.models.len(), "every model has a line");
    assert!(report.encode().is_ok_and(|written| Report::decode(&written).is_ok()), "a report reads back");
    true
}
