use ring::rand::SystemRandom;
use strongroom_proto::limits::AUDIT_RECORD_BYTES;
use strongroom_seal::digest::ReleaseDigest;
use strongroom_seal::key::Algorithm;
use strongroom_seal::message::Limited;
use strongroom_seal::secret::ApiKeyDigest;

use super::*;
use crate::release::{Coarseness, Operation};

struct Log {
    owner: AuditPrivateKey,
    signer: SigningKey,
    opening: AuditOpening,
    encoded: Vec<u8>,
    writer: AuditWriter,
}

fn log() -> Log {
    let random = SystemRandom::new();
    let owner = AuditPrivateKey::generate(&random).unwrap();
    let (signer, _) = SigningKey::generate(Algorithm::Es256, &random).unwrap();
    let (deployment, boot): (Name, _) = ("d".parse().unwrap(), BootId::new([3; 16]));
    let (encapsulated, key) =
        AuditWriter::encapsulate(&owner.public(), &deployment, boot, 0, &random).unwrap();
    let opening = AuditOpening {
        deployment,
        charter: CharterDigest::of(b"c"),
        boot,
        segment: 0,
        receipt_key: signer.public().clone(),
        encapsulated,
        previous: None,
        time: UnixMillis::new(1),
    };
    let encoded = opening.encode().unwrap();
    let writer = AuditWriter::begin(&opening, &encoded, key);
    Log { owner, signer, opening, encoded, writer }
}

fn record(number: u64) -> AuditRecord {
    let event = AuditEvent::Release { epoch: number, digest: ReleaseDigest::of(b"r") };
    AuditRecord { time: UnixMillis::new(number), blind: [9; 16], event }
}

#[test]
fn the_owner_reads_what_the_enclave_wrote_and_others_follow_the_chain() {
    let mut log = log();
    let appended: Vec<_> = (0..5).map(|n| log.writer.append(&record(n)).unwrap()).collect();
    let mut reader = AuditReader::open(&log.encoded, &log.owner).unwrap();
    let mut follower = AuditReader::follow(&log.encoded).unwrap();
    for (number, appended) in appended.iter().enumerate() {
        assert_eq!(appended.sealed.len(), AUDIT_RECORD_BYTES);
        assert_eq!(reader.next(&appended.sealed).unwrap(), Some(record(number as u64)));
        assert_eq!(follower.next(&appended.sealed), Ok(None));
        assert_eq!(commitment(&[9; 16], &reader.head()), appended.commitment);
    }
    let checkpoint = log.writer.checkpoint(UnixMillis::new(9));
    let signed = checkpoint.sign(&log.signer, &SystemRandom::new()).unwrap();
    let checkpoint = Checkpoint::open(&signed, &log.opening).unwrap();
    assert_eq!((checkpoint.records, checkpoint.head), (5, follower.head()));
}

#[test]
fn changed_dropped_doubled_and_reordered_records_are_noticed() {
    let mut log = log();
    let sealed: Vec<_> = (0..4).map(|n| log.writer.append(&record(n)).unwrap().sealed).collect();
    let head = log.writer.checkpoint(UnixMillis::new(0)).head;
    let follow = |records: &[&Vec<u8>]| {
        let mut follower = AuditReader::follow(&log.encoded).unwrap();
        records.iter().for_each(|sealed| assert!(follower.next(sealed).is_ok()));
        follower.head()
    };
    let read = |records: &[&Vec<u8>]| {
        let mut reader = AuditReader::open(&log.encoded, &log.owner).unwrap();
        records.iter().find_map(|sealed| reader.next(sealed).err())
    };
    let [a, b, c, d] = [&sealed[0], &sealed[1], &sealed[2], &sealed[3]];
    assert_eq!((follow(&[a, b, c, d]), read(&[a, b, c, d])), (head, None));
    let mut changed = b.clone();
    changed[7] ^= 1;
    for (wrong, at) in
        [(vec![a, c, d], 1), (vec![a, &changed, c, d], 1), (vec![b, a, c, d], 0), (vec![a, a, b], 1)]
    {
        assert_ne!(follow(&wrong), head);
        assert_eq!(read(&wrong), Some(AuditError::Record(at)));
    }
    assert_ne!(follow(&[a, b, c]), head, "a cut tail shows against a checkpoint");
}

#[test]
fn a_log_opens_with_its_own_key_and_checkpoints_of_other_logs_are_refused() {
    let (mut one, other) = (log(), log());
    let sealed = one.writer.append(&record(0)).unwrap().sealed;
    let mut wrong = AuditReader::open(&one.encoded, &other.owner).unwrap();
    assert_eq!(wrong.next(&sealed), Err(AuditError::Record(0)));
    let signed =
        |log: &Log| log.writer.checkpoint(UnixMillis::new(0)).sign(&log.signer, &SystemRandom::new());
    assert_eq!(Checkpoint::open(&signed(&other).unwrap(), &one.opening), Err(AuditError::Checkpoint));
    let moved = AuditOpening { segment: 1, ..one.opening.clone() };
    assert_eq!(Checkpoint::open(&signed(&one).unwrap(), &moved), Err(AuditError::Checkpoint));
}

#[test]
fn the_largest_record_fits() {
    let long = "a".repeat(64);
    let answered = Answered {
        key: Some(KeyTag::of(&ApiKeyDigest::new([1; 32]))),
        index: Some(u64::MAX),
        operation: Some(Operation::Status),
        model: Some(format!("{long}@{long}").parse().unwrap()),
        verdict: Verdict::Refused(Reason::Limit(Limited::OrganisationRate)),
        coarseness: Some(Coarseness::LabelOnly),
        stricter: true,
        rows: u64::MAX,
        bits: u64::MAX,
        size_log2: 27,
    };
    let record = AuditRecord {
        time: UnixMillis::new(u64::MAX),
        blind: [1; 16],
        event: AuditEvent::Answered(answered),
    };
    assert!(log().writer.append(&record).is_ok());
}
