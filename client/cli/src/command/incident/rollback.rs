//! Going back to earlier content, without the keys that were revoked since.
//!
//! A key is revoked by a release that does not list it. Content of before that lists it, and old content is no pardon.

use std::collections::BTreeSet;

use strongroom_seal::secret::ApiKeyDigest;

use super::change::Next;
use crate::error::Result;
use crate::history::Record;
use crate::policy;

/// The earlier content under the measures in force. Keys that would come back are blocked, unless they are readmitted.
pub(super) fn to(earlier: Record, newest: &Record, readmit: bool) -> Result<Next> {
    // Whoever was blocked stays blocked, whether or not others come back.
    let mut record = Record { incident: newest.incident.clone(), ..earlier };
    let returning = returning(&record, newest)?;
    let what = if readmit {
        "left out by a later release, and accepted again:"
    } else {
        record.incident.blocked_keys.extend(returning.iter().map(|key| hex::encode(key.as_bytes())));
        "left out by a later release, and still not accepted (--readmit accepts them again):"
    };
    Ok(Next { record, notes: listed(what, &returning) })
}

/// Keys that the record lists and accepts and the newest does not list.
fn returning(record: &Record, newest: &Record) -> Result<BTreeSet<ApiKeyDigest>> {
    let (listed, known) = (record.keys()?, newest.keys()?);
    let blocked = record.incident.blocked();
    Ok(listed.into_iter().filter(|key| !known.contains(key) && !blocked.contains(key)).collect())
}

/// A line that says what, and one for each key.
pub(super) fn listed(what: &str, keys: &BTreeSet<ApiKeyDigest>) -> Vec<String> {
    let lines = keys.iter().map(|key| format!("  key {}", policy::first_digits(key)));
    if keys.is_empty() { Vec::new() } else { std::iter::once(what.to_owned()).chain(lines).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with a key in its policy and one of the command line, each a digest of one byte.
    fn record(epoch: u64, listed: &[&str], granted: &[&str], blocked: &[&str]) -> Record {
        let policy: String =
            listed.iter().map(|key| format!("[[key]]\nsha256 = \"{}\"\n", key.repeat(32))).collect();
        let all = |keys: &[&str]| keys.iter().map(|key| key.repeat(32)).collect::<Vec<_>>();
        let grants: Vec<String> = all(granted).iter().map(|key| format!("{key}:fraud")).collect();
        let json = serde_json::json!({
            "deployment": "d", "epoch": epoch, "made_at_ms": 1, "why": "release", "valid_days": 7, "images": [],
            "models": [], "grants": grants, "policy": policy, "audit_key": null,
            "incident": { "blocked_keys": all(blocked) },
        });
        serde_json::from_value(json).unwrap()
    }

    fn blocked(next: &Next) -> Vec<&str> {
        next.record.incident.blocked_keys.iter().filter_map(|key| key.get(..2)).collect()
    }

    #[test]
    fn a_key_that_a_later_release_left_out_stays_revoked() {
        let old = || record(1, &["AA", "bb", "dd"], &["cc", "ee"], &[]);
        // One stays in the policy, one moved to the command line, one is blocked already.
        let newest = record(3, &["aa"], &["bb"], &["dd"]);
        let next = to(old(), &newest, false).unwrap();
        assert_eq!(blocked(&next), ["cc", "dd", "ee"]);
        assert_eq!(next.record.policy, old().policy);
        assert!(next.notes.first().unwrap().contains("--readmit"));
        assert_eq!(next.notes.get(1..).unwrap(), ["  key cccccccccccccccc", "  key eeeeeeeeeeeeeeee"]);
    }

    #[test]
    fn readmission_is_asked_for_and_pardons_nobody_who_was_blocked() {
        let newest = record(3, &["aa"], &[], &["dd"]);
        let next = to(record(1, &["aa", "cc", "dd"], &[], &[]), &newest, true).unwrap();
        assert_eq!(blocked(&next), ["dd"]);
        assert_eq!(next.notes.get(1..).unwrap(), ["  key cccccccccccccccc"]);
    }

    #[test]
    fn nothing_is_said_where_no_key_comes_back() {
        let next = to(record(1, &["aa"], &[], &[]), &record(3, &["aa", "bb"], &[], &[]), false).unwrap();
        assert!(next.notes.is_empty() && next.record.incident.is_none());
    }
}
