//! Copies as honest and dishonest hosts would show them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use strongroom_attestation::audit::{
    AuditEvent, AuditOpening, AuditPrivateKey, AuditRecord, AuditWriter, PreviousLog,
};
use strongroom_attestation::claims::BootId;
use strongroom_attestation::receipt::{Budget, Receipt};
use strongroom_attestation::{FailureClass, UnixMillis};
use strongroom_seal::digest::{
    AuditCommitment, CharterDigest, ControlsDigest, OutcomeDigest, ReleaseDigest, RequestDigest,
};
use strongroom_seal::key::{Algorithm, SigningKey};

use super::document::Refused;
use super::source::Lines;
use super::*;

/// What an enclave handed to its host in one boot, and to others.
struct Boot {
    boot: BootId,
    signer: SigningKey,
    opening: Vec<u8>,
    records: Vec<Vec<u8>>,
    commitments: Vec<AuditCommitment>,
    checkpoints: Vec<(u64, Vec<u8>)>,
    end: PreviousLog,
}

/// Writes a log of so many records with a checkpoint every four.
fn boot(number: u8, records: u64, owner: &AuditPrivateKey, previous: Option<PreviousLog>) -> Boot {
    let random = SystemRandom::new();
    let (signer, _) = SigningKey::generate(Algorithm::Es256, &random).unwrap();
    let (deployment, boot) = ("d".parse().unwrap(), BootId::new([number; 16]));
    let (encapsulated, key) =
        AuditWriter::encapsulate(&owner.public(), &deployment, boot, 0, &random).unwrap();
    let opening = AuditOpening {
        deployment,
        charter: CharterDigest::of(b"c"),
        boot,
        segment: 0,
        receipt_key: signer.public().clone(),
        encapsulated,
        previous,
        time: UnixMillis::new(number.into()),
    };
    let encoded = opening.encode().unwrap();
    let mut writer = AuditWriter::begin(&opening, &encoded, key);
    let (mut sealed, mut commitments, mut checkpoints) = (vec![], vec![], vec![]);
    for at in 0..records {
        let event = AuditEvent::Release { epoch: at, digest: ReleaseDigest::of(b"r") };
        let record = AuditRecord { time: UnixMillis::new(at), blind: [at as u8; 16], event };
        let appended = writer.append(&record).unwrap();
        sealed.push(appended.sealed);
        commitments.push(appended.commitment);
        if at % 4 == 3 {
            let checkpoint = writer.checkpoint(UnixMillis::new(at));
            checkpoints.push((at + 1, checkpoint.sign(&signer, &random).unwrap()));
        }
    }
    let head = writer.checkpoint(UnixMillis::new(0)).head;
    let end = PreviousLog { boot, segment: 0, records, head };
    Boot { boot, signer, opening: encoded, records: sealed, commitments, checkpoints, end }
}

impl Boot {
    /// The lines of an honest host: the opening, the records, the checkpoints.
    fn lines(&self) -> Vec<Value> {
        let boot = hex::encode(self.boot.as_bytes());
        let code = |bytes: &[u8]| STANDARD.encode(bytes);
        let mut lines = vec![json!({
            "kind": "log", "boot": boot, "segment": 0, "opening": code(&self.opening), "document": code(b"m"),
        })];
        lines.extend(self.records.iter().enumerate().map(|(number, sealed)| {
            json!({ "kind": "record", "boot": boot, "segment": 0, "number": number, "sealed": code(sealed) })
        }));
        lines.extend(self.checkpoints.iter().map(|(records, document)| {
            json!({
                "kind": "checkpoint", "boot": boot, "segment": 0, "records": records, "document": code(document),
            })
        }));
        lines
    }

    fn receipt(&self, record: usize) -> Named {
        let random = SystemRandom::new();
        let receipt = Receipt {
            request: RequestDigest::of(b"q"),
            outcome: OutcomeDigest::of(b"a"),
            model: None,
            release: ReleaseDigest::of(b"r"),
            epoch: 1,
            controls: ControlsDigest::of(b"c"),
            treatment: None,
            voted: false,
            budget: Budget::default(),
            boot: self.boot,
            index: Some(1),
            audit: Some(self.commitments[record]),
            time: UnixMillis::new(2),
            anchor: UnixMillis::new(1),
        };
        Named { name: format!("r{record}"), bytes: receipt.sign(&self.signer, &random).unwrap() }
    }

    /// The last checkpoint, as `audit head` would have kept it.
    fn head(&self) -> Named {
        Named { name: "head".to_owned(), bytes: self.checkpoints.last().unwrap().1.clone() }
    }
}

/// The same boot once more.
fn whole_of(boot: &Boot) -> Boot {
    Boot {
        boot: boot.boot,
        signer: SigningKey::generate(Algorithm::Es256, &SystemRandom::new()).unwrap().0,
        opening: boot.opening.clone(),
        records: boot.records.clone(),
        commitments: boot.commitments.clone(),
        checkpoints: boot.checkpoints.clone(),
        end: boot.end.clone(),
    }
}

fn owner() -> AuditPrivateKey {
    AuditPrivateKey::generate(&SystemRandom::new()).unwrap()
}

fn source(lines: &[Value]) -> Source {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Source::Lines(Lines::read(text.as_bytes()).unwrap())
}

fn found(lines: &[Value], held: &Held<'_>) -> Vec<Finding> {
    let accept = |_: &_, _: &_| -> Result<String, Refused> { Ok("m".to_owned()) };
    judge(&source(lines), held, &accept).unwrap().findings
}

/// Ids of the failures, each once, in order.
fn failures(lines: &[Value], held: &Held<'_>) -> Vec<&'static str> {
    let failed = |finding: &Finding| matches!(finding.level, Level::Fail(FailureClass::Binding));
    let mut ids: Vec<_> = found(lines, held).iter().filter(|f| failed(f)).map(|f| f.id).collect();
    ids.dedup();
    ids
}

fn with_key(key: &AuditPrivateKey) -> Held<'_> {
    Held { key: Some(key), ..Held::default() }
}

fn is(kind: &str, number: u64) -> impl Fn(&Value) -> bool {
    let field = if kind == "record" { "number" } else { "records" };
    move |line| line["kind"] == kind && line[field] == number
}

#[test]
fn a_whole_log_passes_and_says_what_would_not_have_shown() {
    let owner = owner();
    let log = boot(1, 10, &owner, None);
    let mut lines = log.lines();
    for held in [Held::default(), with_key(&owner)] {
        let findings = found(&lines, &held);
        assert!(findings.iter().all(|finding| !matches!(finding.level, Level::Fail(_))), "{findings:?}");
        let passed = findings.iter().find(|finding| finding.id == "chain").unwrap();
        assert!(passed.detail.starts_with("10 records") && passed.detail.ends_with("up to 8"), "{passed}");
        assert!(findings.iter().any(|f| f.id == "unconfirmed" && f.detail.starts_with("2 records")));
        assert_eq!(findings.iter().filter(|finding| finding.id == "blind").count(), 2);
    }
    lines.reverse();
    lines.extend(log.lines());
    assert_eq!(failures(&lines, &with_key(&owner)), [""; 0], "order of lines and repetition say nothing");
}

#[test]
fn a_deleted_record_is_a_gap() {
    let owner = owner();
    let mut lines = boot(1, 10, &owner, None).lines();
    lines.retain(|line| !is("record", 5)(line));
    for held in [Held::default(), with_key(&owner)] {
        assert_eq!(failures(&lines, &held), ["gap"]);
    }
}

#[test]
fn a_deletion_that_is_closed_by_renumbering_shows_at_the_next_checkpoint_or_with_the_key() {
    let owner = owner();
    let mut log = boot(1, 10, &owner, None);
    log.records.remove(5);
    assert_eq!(failures(&log.lines(), &Held::default()), ["changed"]);
    assert_eq!(failures(&log.lines(), &with_key(&owner)), ["changed", "reordered"]);
    let mut unconfirmed = boot(1, 10, &owner, None);
    unconfirmed.records.remove(8);
    assert_eq!(failures(&unconfirmed.lines(), &Held::default()), [""; 0], "no signature covers it");
    assert_eq!(failures(&unconfirmed.lines(), &with_key(&owner)), ["reordered"]);
}

#[test]
fn reordered_and_changed_records_are_told_apart_with_the_key() {
    let owner = owner();
    let mut swapped = boot(1, 10, &owner, None);
    swapped.records.swap(2, 6);
    assert_eq!(failures(&swapped.lines(), &Held::default()), ["changed"]);
    let findings = found(&swapped.lines(), &with_key(&owner));
    assert!(findings.iter().any(|f| f.detail == "record 6 stands in the place of record 2"), "{findings:?}");
    let mut changed = boot(1, 10, &owner, None);
    changed.records[3][9] ^= 1;
    assert_eq!(failures(&changed.lines(), &Held::default()), ["changed"]);
    let findings = found(&changed.lines(), &with_key(&owner));
    assert!(findings.iter().any(|f| f.detail.starts_with("record 3 was changed")), "{findings:?}");
}

#[test]
fn no_confirmed_record_is_dropped_changed_doubled_or_moved_unnoticed() {
    let owner = owner();
    let whole = boot(1, 8, &owner, None);
    let noticed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut records = whole.records.clone();
        change(&mut records);
        let lines = Boot { records, ..whole_of(&whole) }.lines();
        !failures(&lines, &Held::default()).is_empty() && !failures(&lines, &with_key(&owner)).is_empty()
    };
    for one in 0..8 {
        assert!(noticed(&|records| drop(records.remove(one))), "dropped {one}");
        assert!(noticed(&|records| records[one][511] ^= 1), "changed {one}");
        for other in (0..8).filter(|other| *other != one) {
            assert!(noticed(&|records| records.swap(one, other)), "swapped {one} and {other}");
            assert!(noticed(&|records| records[one] = records[other].clone()), "{other} in place of {one}");
        }
    }
}

#[test]
fn two_records_or_openings_for_one_place_are_a_fork() {
    let owner = owner();
    let (log, other) = (boot(1, 6, &owner, None), boot(1, 6, &owner, None));
    let mut lines = log.lines();
    lines.push(other.lines().into_iter().find(is("record", 2)).unwrap());
    assert_eq!(failures(&lines, &Held::default()), ["fork"]);
    let mut lines = log.lines();
    lines.push(other.lines().remove(0));
    assert_eq!(failures(&lines, &Held::default()), ["fork"]);
}

#[test]
fn copies_of_two_hosts_are_judged_as_one_and_their_differences_show() {
    let owner = owner();
    let (first, fork) = (boot(1, 8, &owner, None), boot(1, 8, &owner, None));
    let second = boot(2, 4, &owner, Some(first.end.clone()));
    let judged = |copies: Vec<Vec<Value>>| {
        let copies = copies.iter().map(|lines| source(lines)).collect();
        let accept = |_: &_, _: &_| -> Result<String, Refused> { Ok("m".to_owned()) };
        let judged = judge(&Source::Several(copies), &with_key(&owner), &accept).unwrap();
        let failed = |f: &Finding| matches!(f.level, Level::Fail(_)).then_some(f.id);
        judged.findings.iter().filter_map(failed).collect::<Vec<_>>()
    };
    assert_eq!(judged(vec![first.lines(), second.lines()]), [""; 0]);
    assert_eq!(judged(vec![first.lines(), first.lines(), second.lines()]), [""; 0]);
    let (head, tail) = (first.lines()[..5].to_vec(), first.lines()[5..].to_vec());
    assert_eq!(judged(vec![tail, head]), [""; 0], "each holds a part");
    let mut differs = first.lines();
    differs[3] = fork.lines().remove(3);
    assert_eq!(judged(vec![first.lines(), differs]), ["fork"]);
    assert_eq!(judged(vec![first.lines()[1..].to_vec(), second.lines()]), ["opening", "missing-log"]);
}

#[test]
fn a_log_that_goes_on_in_a_new_file_is_whole_with_the_old_one_and_not_without() {
    let owner = owner();
    let first = boot(1, 8, &owner, None);
    let next = boot(2, 4, &owner, Some(first.end.clone()));
    // Record 3 is handed over to both: the host had kept it when it stopped, and had not said so.
    let number = |line: &Value| line["number"].as_u64().or_else(|| Some(line["records"].as_u64()? - 1));
    let within =
        |line: &Value, numbers: std::ops::Range<u64>| number(line).is_none_or(|at| numbers.contains(&at));
    let mut old = first.lines();
    old.retain(|line| within(line, 0..4));
    let mut new = first.lines();
    new.retain(|line| within(line, 3..8));
    new.extend(next.lines());
    let judged = |copies: &[&Vec<Value>]| {
        let copies = copies.iter().map(|lines| source(lines)).collect();
        let accept = |_: &_, _: &_| -> Result<String, Refused> { Ok("m".to_owned()) };
        let judged = judge(&Source::Several(copies), &with_key(&owner), &accept).unwrap();
        let failed = |f: &Finding| matches!(f.level, Level::Fail(_)).then_some(f.id);
        judged.findings.iter().filter_map(failed).collect::<Vec<_>>()
    };
    assert_eq!(judged(&[&old, &new]), [""; 0]);
    assert_eq!(judged(&[&new, &old]), [""; 0]);
    assert_eq!(judged(&[&new]), ["gap"]);
    assert_eq!(judged(&[&next.lines()]), ["missing-log"]);
}

#[test]
fn a_cut_tail_shows_by_a_checkpoint_a_head_or_a_receipt_and_by_nothing_else() {
    let owner = owner();
    let log = boot(1, 10, &owner, None);
    let cut: Vec<Value> =
        log.lines().into_iter().filter(|l| l["number"].as_u64().is_none_or(|n| n < 6)).collect();
    assert_eq!(failures(&cut, &Held::default()), ["cut-tail"], "the checkpoint at 8 was left");
    let clean: Vec<Value> = cut.into_iter().filter(|line| !is("checkpoint", 8)(line)).collect();
    assert_eq!(failures(&clean, &with_key(&owner)), [""; 0], "invisible");
    let with_head = Held { heads: vec![log.head()], ..Held::default() };
    assert_eq!(failures(&clean, &with_head), ["cut-tail"]);
    let receipts = vec![log.receipt(4), log.receipt(7)];
    let with_receipts = Held { receipts, ..with_key(&owner) };
    let findings = found(&clean, &with_receipts);
    assert!(findings.iter().any(|f| f.id == "cut-tail" && f.detail.starts_with("r7 ")), "{findings:?}");
    assert!(findings.iter().any(|f| f.id == "receipt" && f.level == Level::Pass));
    assert!(findings.iter().all(|f| f.id != "blind" || f.detail.contains("KMS")));
    let keyless = Held { receipts: vec![log.receipt(7)], ..Held::default() };
    let findings = found(&clean, &keyless);
    assert!(findings.iter().any(|f| f.level == Level::Note && f.detail.contains("without --key")));
}

#[test]
fn a_missing_boot_shows_by_a_receipt_a_head_or_the_log_that_follows() {
    let owner = owner();
    let first = boot(1, 8, &owner, None);
    let second = boot(2, 4, &owner, Some(first.end.clone()));
    let third = boot(3, 4, &owner, None);
    let both: Vec<Value> = first.lines().into_iter().chain(second.lines()).collect();
    assert_eq!(failures(&both, &with_key(&owner)), [""; 0]);
    assert_eq!(failures(&second.lines(), &Held::default()), ["missing-log"]);
    assert_eq!(failures(&third.lines(), &Held::default()), [""; 0], "invisible");
    let receipt = Held { receipts: vec![first.receipt(0)], ..with_key(&owner) };
    assert_eq!(failures(&third.lines(), &receipt), ["missing-boot"]);
    let head = Held { heads: vec![first.head()], ..Held::default() };
    assert_eq!(failures(&third.lines(), &head), ["missing-boot"]);
    let shorter = boot(1, 8, &owner, None);
    let mut lines = shorter.lines();
    lines.retain(|line| !is("record", 7)(line) && !is("checkpoint", 8)(line));
    lines.extend(boot(2, 4, &owner, Some(shorter.end)).lines());
    assert_eq!(failures(&lines, &Held::default()), ["cut-tail"], "the log that follows knows of more");
}

#[test]
fn two_logs_that_follow_one_are_noted() {
    let owner = owner();
    let first = boot(1, 8, &owner, None);
    let follower = |number| boot(number, 4, &owner, Some(first.end.clone())).lines();
    let lines: Vec<Value> = first.lines().into_iter().chain(follower(2)).chain(follower(3)).collect();
    let findings = found(&lines, &Held::default());
    assert!(findings.iter().any(|f| f.id == "replicas" && f.level == Level::Note));
    assert_eq!(failures(&lines, &Held::default()), [""; 0]);
}

#[test]
fn what_is_not_signed_by_the_log_is_not_believed() {
    let owner = owner();
    let (log, other) = (boot(1, 8, &owner, None), boot(1, 8, &owner, None));
    let unsigned = |lines: &[Value], held: &Held<'_>| {
        let class = Level::Fail(FailureClass::ChainOrSignature);
        found(lines, held).iter().filter(|finding| finding.level == class).count()
    };
    let mut lines = log.lines();
    lines.push(other.lines().into_iter().find(is("checkpoint", 4)).unwrap());
    assert_eq!(unsigned(&lines, &Held::default()), 1);
    let forged = Held { receipts: vec![other.receipt(0)], ..with_key(&owner) };
    assert_eq!(unsigned(&log.lines(), &forged), 1);
    let noise = Named { name: "x".to_owned(), bytes: vec![1, 2, 3] };
    assert_eq!(unsigned(&log.lines(), &Held { heads: vec![noise], ..Held::default() }), 1);
    let refuse = |_: &_, _: &_| Err(Refused { class: FailureClass::Pcr, reason: "the image".to_owned() });
    let judged = judge(&source(&log.lines()), &Held::default(), &refuse).unwrap();
    assert!(judged.logs.is_empty());
    assert_eq!(judged.findings[0].level, Level::Fail(FailureClass::Pcr));
    let orphans: Vec<Value> = log.lines().into_iter().skip(1).collect();
    assert_eq!(failures(&orphans, &Held::default()), ["opening"]);
}

#[test]
fn another_audit_key_opens_nothing() {
    let (owner, stranger) = (owner(), owner());
    let log = boot(1, 4, &owner, None);
    let findings = found(&log.lines(), &with_key(&stranger));
    assert!(findings.iter().any(|f| f.detail.starts_with("not one record opens")), "{findings:?}");
    let mut shown = vec![];
    rows(&source(&log.lines()), &stranger, &mut |row| shown.push(row.words())).unwrap();
    assert!(shown.len() == 4 && shown.iter().all(|line| line.ends_with("does not open")));
}

#[test]
fn records_are_shown_behind_a_hole_too() {
    let owner = owner();
    let mut lines = boot(1, 6, &owner, None).lines();
    lines.retain(|line| !is("record", 2)(line));
    let (mut shown, mut csv) = (vec![], vec![]);
    rows(&source(&lines), &owner, &mut |row| {
        shown.push(row.words());
        csv.push(row.csv());
    })
    .unwrap();
    assert_eq!(shown.len(), 5);
    assert!(
        shown[4].starts_with("1970-01-01T00:00:00.005Z") && shown[4].contains("release 5 came into force")
    );
    let columns = |line: &str| line.split(',').count();
    assert!(csv.iter().all(|line| columns(line) == columns(CSV_HEADER)));
}

#[test]
fn the_sqlite_file_of_a_host_reads_as_its_lines_do() {
    let owner = owner();
    let log = boot(1, 10, &owner, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE log(boot BLOB, segment INTEGER, opening BLOB, document BLOB);
         CREATE TABLE record(boot BLOB, segment INTEGER, number INTEGER, sealed BLOB);
         CREATE TABLE checkpoint(boot BLOB, segment INTEGER, records INTEGER, document BLOB);
         PRAGMA journal_mode = WAL; PRAGMA user_version = 1;",
    )
    .unwrap();
    let boot = log.boot.as_bytes();
    db.execute("INSERT INTO log VALUES (?1, 0, ?2, ?3)", (boot, &log.opening, b"m")).unwrap();
    for (number, sealed) in log.records.iter().enumerate() {
        db.execute("INSERT INTO record VALUES (?1, 0, ?2, ?3)", (boot, number as i64, sealed)).unwrap();
    }
    for (records, document) in &log.checkpoints {
        let row = (boot, *records as i64, document);
        db.execute("INSERT INTO checkpoint VALUES (?1, 0, ?2, ?3)", row).unwrap();
    }
    let judged = |held: &Held<'_>| {
        let accept = |_: &_, _: &_| -> Result<String, Refused> { Ok("m".to_owned()) };
        judge(&Source::open(&path).unwrap(), held, &accept).unwrap().findings
    };
    assert_eq!(judged(&with_key(&owner)), found(&log.lines(), &with_key(&owner)));
    db.execute("DELETE FROM record WHERE number = 3", ()).unwrap();
    db.execute("DELETE FROM checkpoint", ()).unwrap();
    assert!(judged(&Held::default()).iter().any(|finding| finding.id == "gap"));
    db.execute("DELETE FROM log", ()).unwrap();
    assert!(judged(&Held::default()).iter().any(|finding| finding.id == "opening"));
    db.execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(matches!(Source::open(&path), Err(SourceError::Version(2))));
}

/// A host that stops while it writes leaves half a line, and writes the whole of it later.
#[test]
fn a_torn_line_hides_nothing() {
    let owner = owner();
    let values = boot(1, 10, &owner, None).lines();
    let whole: Vec<String> = values.iter().map(Value::to_string).collect();
    let half = |at: usize| whole[at].split_at(whole[at].len() / 2).0.to_owned();
    let findings = |lines: &[String]| {
        let source = Source::Lines(Lines::read(lines.join("\n").as_bytes()).unwrap());
        let accept = |_: &_, _: &_| -> Result<String, Refused> { Ok("m".to_owned()) };
        judge(&source, &with_key(&owner), &accept).unwrap().findings
    };
    let torn = findings(&[&whole[..3], &[half(3)], &whole[3..]].concat());
    let (notes, rest): (Vec<_>, Vec<_>) = torn.into_iter().partition(|finding| finding.id == "torn");
    assert_eq!((notes.len(), notes[0].level, rest), (1, Level::Note, found(&values, &with_key(&owner))));
    // With the next line behind it on its own, and never written again.
    let lost = findings(&[&whole[..3], &[half(3) + &whole[4]], &whole[5..]].concat());
    assert!(lost.iter().any(|finding| finding.id == "gap" && finding.level != Level::Note));
}

#[test]
fn what_is_no_copy_is_named_by_its_line() {
    let line = |text: &str| Lines::read(text.as_bytes()).err().map(|error| error.to_string());
    assert_eq!(line("\n\n"), None);
    assert_eq!(line("{\"kind\""), Some("line 1: not a line of a log".to_owned()), "nothing else is here");
    assert_eq!(line("\n{}"), Some("line 2: not a line of a log".to_owned()));
    let boot = r#"{"kind":"checkpoint","boot":"zz","segment":0,"records":1,"document":""}"#;
    assert_eq!(line(boot), Some("line 1: a boot is 32 hexadecimal digits".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, "<html>").unwrap();
    assert!(matches!(Source::open(&path), Err(SourceError::Unknown)));
}
