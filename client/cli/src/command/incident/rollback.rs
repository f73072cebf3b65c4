//! Going back to earlier content, without what was taken from keys since.
//!
//! A key is revoked by a release that does not list it, or that lets it expire. Content of before that accepts it, and old
//! content is no pardon. Nor is it one for a freeze, or for an end that was set since.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::KeyEntry;
use strongroom_seal::secret::ApiKeyDigest;

use super::change::Next;
use crate::error::Result;
use crate::history::Record;
use crate::policy::incident::{Incident, Until};
use crate::policy::{self, Draft};

/// The earlier content under the measures in force, and under what the newest content takes from keys, organisations and
/// models. Keys that would come back are blocked, unless they are readmitted.
pub(super) fn to(earlier: Record, newest: &Record, readmit: bool, now: UnixMillis) -> Result<Next> {
    // Whoever was blocked stays blocked, whether or not others come back.
    let mut record = Record { incident: newest.incident.clone(), ..earlier };
    let (old, known) = (record.bare()?, newest.bare()?);
    let (blocked, entries) = (record.incident.blocked(), entries(&known));
    let returning: BTreeSet<ApiKeyDigest> = old
        .keys
        .iter()
        .map(|entry| entry.key)
        .filter(|key| !blocked.contains(key) && entries.get(key).is_none_or(|entry| is_over(entry, now)))
        .collect();
    let staying =
        old.keys.iter().filter(|entry| !blocked.contains(&entry.key) && !returning.contains(&entry.key));
    let staying: Vec<_> = staying.filter_map(|old| Some((old, *entries.get(&old.key)?))).collect();
    let mut notes = Vec::new();
    if readmit {
        notes.extend(listed("left out or expired in a later release, and accepted again:", &returning));
    } else {
        record.incident.blocked_keys.extend(returning.iter().map(|key| hex::encode(key.as_bytes())));
        let what =
            "left out or expired in a later release, and still not accepted (--readmit accepts them again):";
        notes.extend(listed(what, &returning));
    }
    let kept = Incident { ending_keys: ending(&staying), ..frozen(&old, &known, now) };
    notes.extend(kept.lines().iter().map(|line| format!("kept from the newest release: {line}")));
    record.incident.join(&kept);
    let other = staying.iter().filter(|(old, known)| allows_otherwise(old, known)).map(|(old, _)| old.key);
    let what = "with another role, organisation, models or limits than in the newest release, and those of the old one again:";
    notes.extend(listed(what, &other.collect()));
    Ok(Next { record, notes })
}

fn entries(draft: &Draft) -> BTreeMap<ApiKeyDigest, &KeyEntry> {
    draft.keys.iter().map(|entry| (entry.key, entry)).collect()
}

fn is_over(entry: &KeyEntry, now: UnixMillis) -> bool {
    entry.not_after.is_some_and(|end| end <= now)
}

/// Ends that the newest content sets and the old one does not, or later.
fn ending(staying: &[(&KeyEntry, &KeyEntry)]) -> BTreeMap<String, Until> {
    let earlier = |(old, known): &(&KeyEntry, &KeyEntry)| {
        let end = known.not_after.filter(|end| old.not_after.is_none_or(|old| *end < old))?;
        Some((hex::encode(old.key.as_bytes()), Until(end)))
    };
    staying.iter().filter_map(earlier).collect()
}

/// Freezes of the newest content that go on, and that the old one does not have for as long, as far as it knows whom they
/// concern.
fn frozen(old: &Draft, known: &Draft, now: UnixMillis) -> Incident {
    let longer = |known: Option<UnixMillis>, old: Option<UnixMillis>| {
        known.filter(|end| *end > now && Some(*end) > old).map(Until)
    };
    let (entries, models) = (entries(known), &known.controls.models);
    let of_old = |name| old.controls.models.get(name).and_then(|model| model.frozen_until);
    Incident {
        frozen_keys: old
            .keys
            .iter()
            .filter_map(|key| Some((key, longer(entries.get(&key.key)?.frozen_until, key.frozen_until)?)))
            .map(|(key, end)| (hex::encode(key.key.as_bytes()), end))
            .collect(),
        frozen_organisations: old
            .organisations
            .iter()
            .filter_map(|(name, organisation)| {
                let end = longer(known.organisations.get(name)?.frozen_until, organisation.frozen_until)?;
                Some((name.clone(), end))
            })
            .collect(),
        frozen_models: models
            .iter()
            .filter(|(name, _)| old.has_model(name))
            .filter_map(|(name, model)| Some((name.clone(), longer(model.frozen_until, of_old(name))?)))
            .collect(),
        ..Incident::default()
    }
}

/// Whether what a key may do is another thing in the old content. Which of the two is wider, its owner knows.
fn allows_otherwise(old: &KeyEntry, known: &KeyEntry) -> bool {
    old.role != known.role
        || old.organisation != known.organisation
        || old.models != known.models
        || old.limits != known.limits
}

/// A line that says what, and one for each key.
pub(super) fn listed(what: &str, keys: &BTreeSet<ApiKeyDigest>) -> Vec<String> {
    let lines = keys.iter().map(|key| format!("  key {}", policy::first_digits(key)));
    if keys.is_empty() { Vec::new() } else { std::iter::once(what.to_owned()).chain(lines).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::time;

    const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
    const PAST: &str = "2020-01-01T00:00:00Z";
    const SOON: &str = "2100-01-01T00:00:00Z";
    const LATE: &str = "2200-01-01T00:00:00Z";

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
        let next = to(old(), &newest, false, NOW).unwrap();
        assert_eq!(blocked(&next), ["cc", "dd", "ee"]);
        assert_eq!(next.record.policy, old().policy);
        assert!(next.notes.first().unwrap().contains("--readmit"));
        assert_eq!(next.notes.get(1..3).unwrap(), ["  key cccccccccccccccc", "  key eeeeeeeeeeeeeeee"]);
        assert_eq!(next.notes.get(4..).unwrap(), ["  key bbbbbbbbbbbbbbbb"], "it was for one model");
    }

    #[test]
    fn readmission_is_asked_for_and_pardons_nobody_who_was_blocked() {
        let newest = record(3, &["aa"], &[], &["dd"]);
        let next = to(record(1, &["aa", "cc", "dd"], &[], &[]), &newest, true, NOW).unwrap();
        assert_eq!(blocked(&next), ["dd"]);
        assert_eq!(next.notes.get(1..).unwrap(), ["  key cccccccccccccccc"]);
    }

    #[test]
    fn nothing_is_said_where_no_key_comes_back() {
        let next = to(record(1, &["aa"], &[], &[]), &record(3, &["aa", "bb"], &[], &[]), false, NOW).unwrap();
        assert!(next.notes.is_empty() && next.record.incident.is_none());
    }

    /// The same with more in the policy; `KEY` in it is the digest of one byte that follows.
    fn stated(epoch: u64, policy: &str) -> Record {
        let mut text = policy.to_owned();
        for byte in ["aa", "bb", "cc"] {
            text =
                text.replace(&format!("KEY {byte}"), &format!("[[key]]\nsha256 = \"{}\"\n", byte.repeat(32)));
        }
        Record { policy: text, ..record(epoch, &[], &[], &[]) }
    }

    fn until(text: &str) -> Until {
        Until(time::argument(text).unwrap())
    }

    #[test]
    fn a_key_that_a_later_release_let_expire_stays_revoked() {
        let newest = stated(3, &format!("KEY aa\nnot_after = {PAST}\nKEY bb\nnot_after = {SOON}\n"));
        let old = || stated(1, &format!("KEY aa\nKEY bb\nnot_after = {SOON}\n"));
        let next = to(old(), &newest, false, NOW).unwrap();
        assert_eq!(blocked(&next), ["aa"]);
        assert_eq!(next.notes.get(1..).unwrap(), ["  key aaaaaaaaaaaaaaaa"]);
        let next = to(old(), &newest, true, NOW).unwrap();
        assert!(next.record.incident.is_none(), "readmitted as the old content has it");
        assert_eq!(next.notes.len(), 2);
    }

    #[test]
    fn an_earlier_end_and_a_later_freeze_are_kept() {
        let newest = stated(
            3,
            &format!(
                "[organisation.acme]\nfrozen_until = {SOON}\n[organisation.gone]\nfrozen_until = {SOON}\n\
                 KEY aa\nnot_after = {SOON}\nKEY bb\nfrozen_until = {LATE}\nKEY cc\nfrozen_until = {PAST}\n"
            ),
        );
        let old = stated(
            1,
            &format!(
                "[organisation.acme]\nKEY aa\nnot_after = {LATE}\nKEY bb\nfrozen_until = {SOON}\nKEY cc\n"
            ),
        );
        let next = to(old, &newest, true, NOW).unwrap();
        let expected = Incident {
            ending_keys: [("aa".repeat(32), until(SOON))].into(),
            frozen_keys: [("bb".repeat(32), until(LATE))].into(),
            frozen_organisations: [("acme".parse().unwrap(), until(SOON))].into(),
            ..Incident::default()
        };
        assert_eq!(next.record.incident, expected);
        assert_eq!(next.notes.len(), 3, "{:?}", next.notes);
        let compiled = next
            .record
            .policy()
            .unwrap()
            .draft(&next.record.incident, policy::Circumstances { grants: &[], models: Some(&[]), now: NOW });
        let ends = compiled.keys.first().unwrap().not_after;
        assert_eq!(ends, Some(until(SOON).0), "the measure is obeyed");
        let back = to(newest.clone(), &stated(4, "[organisation.acme]\nKEY aa\nKEY bb\nKEY cc\n"), true, NOW)
            .unwrap();
        assert!(back.record.incident.is_none(), "nothing is kept where the old content takes more away");
    }

    #[test]
    fn keys_that_may_do_something_else_again_are_told() {
        let newest =
            stated(3, "[organisation.acme]\nKEY aa\norganisation = \"acme\"\nKEY bb\nrows = 5\nKEY cc\n");
        let next = to(stated(1, "KEY aa\nKEY bb\nKEY cc\n"), &newest, false, NOW).unwrap();
        assert!(next.record.incident.is_none());
        assert_eq!(next.notes.get(1..).unwrap(), ["  key aaaaaaaaaaaaaaaa", "  key bbbbbbbbbbbbbbbb"]);
    }
}
