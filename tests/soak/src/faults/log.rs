//! The audit log at the end: everything that was acknowledged is there, and the owner's command finds it whole.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use strongroom_sim::world::Output;

use super::record::{Record, Records};
use crate::SoakError;
use crate::load::{Head, LogId};
use crate::world::World;

/// What the command finds where an enclave was killed before the host had its last records, or its log at all: the next
/// log knows of them. Nothing else may be found.
const ENDS_EARLY: &[&str] = &["cut-tail", "missing-log"];

/// Judges what the host has kept. It has ended.
pub(super) async fn judge(
    world: &World,
    heads: &BTreeMap<LogId, Head>,
    latest: Option<(LogId, Head)>,
    record: &mut Record,
) -> Result<(), SoakError> {
    let copy = world.ground.layout.owner("audit-copy.db");
    let kept = Connection::open(world.ground.layout.kept().join("audit.db"))?;
    kept.execute("VACUUM INTO ?1", [copy.display().to_string()])?;
    let copied = Connection::open(&copy)?;
    copied.pragma_update(None, "user_version", 1)?;
    let mut records = Records { logs: heads.len(), ..Records::default() };
    for (log, head) in heads {
        let sql = "SELECT count(*) FROM record WHERE boot = ?1 AND segment = ?2 AND number < ?3";
        let confirmed = i64::try_from(head.confirmed).unwrap_or(i64::MAX);
        let found: i64 = copied.query_row(sql, (&log.boot, log.segment, confirmed), |row| row.get(0))?;
        records.acknowledged += head.confirmed;
        records.missing += head.confirmed.saturating_sub(u64::try_from(found).unwrap_or_default());
    }
    let kept_records: i64 = copied.query_row("SELECT count(*) FROM record", [], |row| row.get(0))?;
    records.kept = u64::try_from(kept_records).unwrap_or_default();
    drop((kept, copied));
    if records.missing > 0 {
        record.broken(format!("{} acknowledged audit records are not there", records.missing));
    }
    if records.acknowledged == 0 {
        record.broken("no audit record was acknowledged");
    }
    if latest.is_none_or(|(_, head)| head.confirmed == 0) {
        record.broken("the last enclave's records were not acknowledged");
    }
    records.ends_early = by_command(world, &copy, record).await?;
    record.audit(records);
    Ok(())
}

/// What `strongroom audit verify` finds, with the owner's key. Returns how many logs end early.
async fn by_command(world: &World, copy: &Path, record: &mut Record) -> Result<usize, SoakError> {
    let (private, _) = world.owner.audit_key().await?;
    let arguments = [
        "audit".to_owned(),
        "verify".to_owned(),
        "--json".to_owned(),
        format!("--log={}", copy.display()),
        format!("--trust={}", world.ground.layout.trust().display()),
        format!("--key={}", private.display()),
    ];
    let Output { code, stdout, stderr } = world.binaries.strongroom(arguments, &[]).await?;
    let Some(findings) = findings(&stdout) else {
        record.broken(format!("audit verify exited with {code} and said {stderr}"));
        return Ok(0);
    };
    let (early, other): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|(id, _)| ENDS_EARLY.contains(&id.as_str()));
    for (id, detail) in other {
        record.broken(format!("audit verify: {id}: {detail}"));
    }
    Ok(early.len())
}

/// The failures among the findings.
fn findings(json: &str) -> Option<Vec<(String, String)>> {
    let json: Value = serde_json::from_str(json).ok()?;
    let text =
        |finding: &Value, name: &str| finding.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let failed = json.get("findings")?.as_array()?.iter().filter(|finding| text(finding, "level") == "FAIL");
    Some(failed.map(|finding| (text(finding, "id"), text(finding, "detail"))).collect())
}
