//! Copies of an audit log, with the reports on use beside it. What is sealed stays sealed.

use std::path::Path;

use serde_json::{Value, json};
use strongroom_attestation::audit::AuditOpening;

use super::Explained;
use crate::audit::{LogRow, Source, sealed_reports};
use crate::words::utc;

const VERIFIED: &str = "UNVERIFIED: `strongroom audit verify` judges it; records open with the owner's audit key alone (`audit show`)";

pub(super) fn explain(path: &Path) -> Option<Explained> {
    let source = Source::open(path).ok()?;
    let logs = source.logs().ok()?;
    let orphans = source.orphans().ok()?;
    if logs.is_empty() && orphans.is_empty() && !matches!(source, Source::Sqlite(_)) {
        return None;
    }
    let mut reports = 0_u64;
    // Lines have no reports, and a file of before there were any has no table of them.
    let _ = sealed_reports(path, &mut |_, _| reports += 1);
    let content = json!({
        "logs": logs.iter().map(|log| told(&source, log)).collect::<Vec<_>>(),
        "logs_without_a_beginning": orphans.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sealed_reports": reports,
    });
    Some(Explained { kind: "copy of an audit log", verified: VERIFIED, content })
}

fn told(source: &Source, log: &LogRow) -> Value {
    let mut records = 0_u64;
    let read = source.records(log.id, &mut |_, _| records += 1);
    let opening = AuditOpening::decode(&log.opening).ok();
    json!({
        "boot_and_segment": log.id.to_string(),
        "deployment": opening.as_ref().map(|opening| opening.deployment.to_string()),
        "charter": opening.as_ref().map(|opening| opening.charter.to_string()),
        "begun": opening.as_ref().map(|opening| utc(opening.time)),
        "sealed_records": if read.is_ok() { json!(records) } else { json!("damaged") },
    })
}
