//! The audit log: openings, records, checkpoints, batches, and how an owner reads a log.

use std::sync::OnceLock;

use strongroom_attestation::audit::{AuditOpening, AuditPrivateKey, AuditReader, AuditRecord, Checkpoint};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::AUDIT_RECORD_BYTES;
use strongroom_proto::relay::AuditBatch;
use zeroize::Zeroizing;

use crate::rewrite::reads_back;

/// The log of the seeds, whole.
const BATCH: &[u8] = include_bytes!("../../fuzz/corpus/audit/audit-batch-whole-log");

/// Seed of the audit key that it is sealed to. Everybody has it.
const AUDIT_SEED: [u8; 32] = [0xad; 32];

const RECORD: Bounds = Bounds { max_bytes: AUDIT_RECORD_BYTES, max_depth: 6, max_items: 64 };

/// The log of the seeds, read.
struct Genuine {
    key: AuditPrivateKey,
    batch: AuditBatch,
    checkpoint: Checkpoint,
    records: Vec<AuditRecord>,
}

/// Reads `bytes` as each part of a log, and as a batch that an owner opens.
///
/// What is read survives being written. A record that opens stood in the log of the seeds under that number, and a
/// checkpoint that opens is the one that its enclave signed.
pub fn audit(bytes: &[u8]) -> bool {
    opening(bytes) | record(bytes) | checkpoint(bytes) | batch(bytes)
}

fn opening(bytes: &[u8]) -> bool {
    let Ok(opening) = AuditOpening::decode(bytes) else { return false };
    if let Ok(mut follower) = AuditReader::follow(bytes) {
        assert_eq!(follower.next(bytes), Ok(None), "a chain without a key takes any record");
        assert_eq!(follower.records(), 1);
    }
    assert!(opening.encode().is_ok_and(|written| AuditOpening::decode(&written).as_ref() == Ok(&opening)));
    true
}

fn record(bytes: &[u8]) -> bool {
    let Ok(record) = cbor::decode::<AuditRecord>(bytes, RECORD) else { return false };
    reads_back(&record, cbor::encode(&record), |bytes, first| {
        Ok(cbor::decode::<AuditRecord>(bytes, RECORD)? == *first)
    });
    true
}

fn checkpoint(bytes: &[u8]) -> bool {
    let Some(genuine) = genuine() else { return false };
    let Ok(opening) = AuditOpening::decode(&genuine.batch.opening) else { return false };
    let Ok(checkpoint) = Checkpoint::open(bytes, &opening) else { return false };
    assert_eq!(checkpoint, genuine.checkpoint, "nobody signed this checkpoint");
    true
}

fn batch(bytes: &[u8]) -> bool {
    let Ok(batch) = AuditBatch::decode(bytes) else { return false };
    assert!(batch.records.iter().all(|record| record.len() == AUDIT_RECORD_BYTES));
    assert!(batch.first.checked_add(batch.records.len() as u64).is_some(), "numbers do not run over");
    reads_back(&batch, batch.encode(), |bytes, first| Ok(AuditBatch::decode(bytes)? == *first));
    let Some(genuine) = genuine() else { return false };
    let Ok(reader) = AuditReader::open(&batch.opening, &genuine.key) else { return true };
    for (number, sealed) in (batch.first..).zip(&batch.records) {
        if let Ok(opened) = reader.read_at(number, sealed) {
            let at = usize::try_from(number).ok();
            let sealed_there = at.and_then(|at| genuine.records.get(at));
            assert_eq!(opened.as_ref(), sealed_there, "nobody sealed this record");
        }
    }
    true
}

fn genuine() -> Option<&'static Genuine> {
    static READ: OnceLock<Option<Genuine>> = OnceLock::new();
    let read = READ.get_or_init(read_genuine).as_ref();
    assert!(read.is_some(), "the seed is a log");
    read
}

fn read_genuine() -> Option<Genuine> {
    let key = AuditPrivateKey::from_seed(Zeroizing::new(AUDIT_SEED));
    let batch = AuditBatch::decode(BATCH).ok()?;
    let opening = AuditOpening::decode(&batch.opening).ok()?;
    let checkpoint = Checkpoint::open(&batch.checkpoint, &opening).ok()?;
    let mut reader = AuditReader::open(&batch.opening, &key).ok()?;
    let records = batch.records.iter().map(|sealed| reader.next(sealed).ok()?).collect::<Option<_>>()?;
    Some(Genuine { key, batch, checkpoint, records })
}
