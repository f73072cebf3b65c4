//! The judgement of a whole copy, in this order:
//!
//! 1. each log begins once, and every record and checkpoint is of a log that begins;
//! 2. the attestation document of each opening is one of a demanded enclave, and commits to the opening;
//! 3. checkpoints, held heads, and what later logs say of earlier ones are signed and do not contradict each other;
//! 4. each log's chain, followed record by record, passes through all of them;
//! 5. with the owner's key, every record opens, and every held receipt has its record.
//!
//! What no signature covers shows to nobody. The last findings say what of that kind is left.

use std::collections::BTreeMap;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::{AuditOpening, AuditPrivateKey, AuditReader, Checkpoint, PreviousLog};
use strongroom_proto::name::Name;

use super::document::Refused;
use super::evidence::{self, Named, Wanted};
use super::findings::{Finding, Findings};
use super::source::LogRow;
use super::walk::{Mark, Position, Walk};
use super::{LogId, Source, SourceError};

/// What the auditor holds beside the log.
#[derive(Default)]
pub(crate) struct Held<'a> {
    pub(crate) key: Option<&'a AuditPrivateKey>,
    pub(crate) receipts: Vec<Named>,
    pub(crate) heads: Vec<Named>,
    /// Whether KMS call records are compared afterwards.
    pub(crate) kms: bool,
}

/// A log that an accepted enclave kept.
pub(crate) struct Seen {
    pub(crate) id: LogId,
    pub(crate) deployment: Name,
    pub(crate) module_id: String,
}

/// What was found.
pub(crate) struct Judged {
    pub(crate) findings: Vec<Finding>,
    pub(crate) logs: Vec<Seen>,
}

/// Judges the attestation document of an opening, and returns the module that made it.
pub(crate) type Accept<'a> = dyn Fn(&LogRow, &AuditOpening) -> Result<String, Refused> + 'a;

struct Accepted {
    row: LogRow,
    opening: AuditOpening,
}

/// Judges a copy.
pub(crate) fn judge(source: &Source, held: &Held<'_>, accept: &Accept<'_>) -> Result<Judged, SourceError> {
    let mut findings = Findings::default();
    // 1
    let rows = begin(source, &mut findings)?;
    // 2
    let (accepted, logs) = accept_all(rows.values(), accept, &mut findings);
    // 3
    let openings: Vec<_> = accepted.iter().map(|log| (log.row.id, log.opening.clone())).collect();
    let heads = evidence::heads(&held.heads, &openings, &mut findings);
    let mut wanted = Wanted::collect(&held.receipts, &openings, &mut findings);
    let mut marks = linked(&accepted, &rows, &mut findings);
    for (id, head, name) in heads {
        marks.entry(id).or_default().push(Mark { records: head.records, head: head.head, from: name });
    }
    // 4, 5
    let mut broken = Vec::new();
    for log in &accepted {
        let marks = marks.remove(&log.row.id).unwrap_or_default();
        if !follow(source, held, log, marks, (&mut wanted, &mut findings))? {
            broken.push(log.row.id);
        }
    }
    wanted.finish(held.key.is_some(), &broken, &mut findings);
    blind(held, &mut findings);
    Ok(Judged { findings: findings.0, logs })
}

/// Step 1.
fn begin(source: &Source, findings: &mut Findings) -> Result<BTreeMap<LogId, LogRow>, SourceError> {
    let mut rows: BTreeMap<LogId, LogRow> = BTreeMap::new();
    for row in source.logs()? {
        match rows.get(&row.id) {
            Some(first) if first.opening != row.opening => {
                findings.tampered("fork", Some(row.id), "two openings have this boot and segment");
            }
            Some(_) => {}
            None => {
                rows.insert(row.id, row);
            }
        }
    }
    for orphan in source.orphans()? {
        findings.tampered(
            "opening",
            Some(orphan),
            "records or checkpoints of a log whose opening is not here",
        );
    }
    if let [first, more @ ..] = source.torn().as_slice() {
        let what = format!("line {first} and {} more are torn, and count for nothing", more.len());
        findings.note("torn", None, what);
    }
    if rows.is_empty() && findings.0.is_empty() {
        findings.tampered("empty", None, "the copy holds no log at all");
    }
    Ok(rows)
}

/// Step 2.
fn accept_all<'a>(
    rows: impl Iterator<Item = &'a LogRow>,
    accept: &Accept<'_>,
    findings: &mut Findings,
) -> (Vec<Accepted>, Vec<Seen>) {
    let (mut accepted, mut seen) = (Vec::new(), Vec::new());
    for row in rows {
        let Ok(opening) = AuditOpening::decode(&row.opening) else {
            findings.unsigned("opening", Some(row.id), "not the opening of a log");
            continue;
        };
        if LogId::new(opening.boot, opening.segment) != row.id {
            findings.tampered("opening", Some(row.id), "the opening is that of another log");
            continue;
        }
        match accept(row, &opening) {
            Err(Refused { class, reason }) => findings.fail(class, "document", row.id, reason),
            Ok(module_id) => {
                findings.pass(
                    "document",
                    Some(row.id),
                    format!("kept by an accepted enclave, module {module_id}"),
                );
                seen.push(Seen { id: row.id, deployment: opening.deployment.clone(), module_id });
                accepted.push(Accepted { row: row.clone(), opening });
            }
        }
    }
    accepted.sort_by_key(|log| (log.opening.time, log.row.id));
    (accepted, seen)
}

/// What later logs say of earlier ones: marks on these, or that they are not here.
fn linked(
    logs: &[Accepted],
    rows: &BTreeMap<LogId, LogRow>,
    findings: &mut Findings,
) -> BTreeMap<LogId, Vec<Mark>> {
    let mut marks: BTreeMap<LogId, Vec<Mark>> = BTreeMap::new();
    let mut followers: BTreeMap<LogId, Vec<LogId>> = BTreeMap::new();
    for log in logs {
        let Some(PreviousLog { boot, segment, records, head }) = log.opening.previous.clone() else {
            continue;
        };
        let previous = LogId::new(boot, segment);
        followers.entry(previous).or_default().push(log.row.id);
        if rows.contains_key(&previous) {
            let from = format!("the opening of {}, which follows,", log.row.id);
            marks.entry(previous).or_default().push(Mark { records, head, from });
        } else {
            let what = format!("{} follows this log, which is not here", log.row.id);
            findings.tampered("missing-log", Some(previous), what);
        }
    }
    for (previous, followers) in followers {
        if followers.len() > 1 {
            let what = format!(
                "{} logs follow this one: replicas, or a host that handed over old state",
                followers.len()
            );
            findings.note("replicas", Some(previous), what);
        }
    }
    marks
}

/// Steps 3 to 5 for one log. Returns whether all of it could be followed.
fn follow(
    source: &Source,
    held: &Held<'_>,
    log: &Accepted,
    mut marks: Vec<Mark>,
    (wanted, findings): (&mut Wanted, &mut Findings),
) -> Result<bool, SourceError> {
    let id = log.row.id;
    checkpoints(source, log, &mut marks, findings)?;
    marks.sort_by_key(|mark| mark.records);
    if marks.windows(2).any(|pair| matches!(pair, [a, b] if a.records == b.records && a.head != b.head)) {
        findings.tampered("fork", Some(id), "two heads are signed for one number of records");
    }
    let reader = held.key.and_then(|key| AuditReader::open(&log.row.opening, key).ok());
    if held.key.is_some() && reader.is_none() {
        findings.tampered("opening", Some(id), "holds no key that is sealed to an audit key");
    }
    let chain = AuditReader::follow(&log.row.opening).ok();
    let marks = marks.into_iter();
    let mut walk = Walk { log: id, chain, reader, marks, wanted, findings, at: Position::default() };
    source.records(id, &mut |number, sealed| walk.take(number, sealed))?;
    Ok(walk.finish())
}

/// The checkpoints of the copy, each verified.
fn checkpoints(
    source: &Source,
    log: &Accepted,
    marks: &mut Vec<Mark>,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    let documents = source.checkpoints(log.row.id)?;
    let signed: Vec<_> =
        documents.iter().filter_map(|one| Checkpoint::open(one, &log.opening).ok()).collect();
    let bad = documents.len() - signed.len();
    if bad > 0 {
        let what = format!("{bad} of {} are not signed by the log's key", documents.len());
        findings.unsigned("checkpoint", Some(log.row.id), what);
    }
    let mark =
        |one: Checkpoint| Mark { records: one.records, head: one.head, from: checkpoint_words(one.time) };
    marks.extend(signed.into_iter().map(mark));
    Ok(())
}

fn checkpoint_words(time: UnixMillis) -> String {
    format!("the checkpoint of {}", crate::words::utc(time))
}

/// What would not have shown.
fn blind(held: &Held<'_>, findings: &mut Findings) {
    if held.receipts.is_empty() && held.heads.is_empty() {
        let what = "no receipt and no head is held: an end that was cut off together with its checkpoints does not show";
        findings.note("blind", None, what);
    }
    if !held.kms {
        let what = "no KMS call records are given: a boot whose whole log is missing shows only by a receipt or head \
                    of it, or by a log that follows";
        findings.note("blind", None, what);
    }
}
