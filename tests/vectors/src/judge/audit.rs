//! The audit log, and reports that are sealed to the owner.

use serde_json::json;
use strongroom_attestation::audit::{
    AuditOpening, AuditPrivateKey, AuditReader, AuditRecord, Checkpoint, commitment,
};
use strongroom_attestation::claims::BootId;
use strongroom_attestation::report::SealedReport;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::AUDIT_RECORD_BYTES;
use strongroom_proto::relay::AuditBatch;
use strongroom_seal::key::VerifyingKey;
use zeroize::Zeroizing;

use super::{Judged, Refused, Verdict, found, written};
use crate::case::Case;
use crate::tree::{bytes as hexed, tree};

pub(super) fn opening(_: &Case, bytes: &[u8]) -> Verdict {
    let opening = AuditOpening::decode(bytes)?;
    let head = AuditReader::follow(bytes)?.head().to_string();
    let digest = AuditOpening::digest(bytes).to_string();
    let fields = json!({ "opening": tree(&opening)?, "digest": digest, "head": head });
    Ok(Judged { fields, rewritten: Some(opening.encode()?) })
}

const RECORD: Bounds = Bounds { max_bytes: AUDIT_RECORD_BYTES, max_depth: 6, max_items: 64 };

pub(super) fn record(_: &Case, bytes: &[u8]) -> Verdict {
    let record: AuditRecord = cbor::decode(bytes, RECORD)?;
    written(&record, cbor::encode(&record))
}

pub(super) fn checkpoint(case: &Case, bytes: &[u8]) -> Verdict {
    let key = VerifyingKey::new(&case.hex("receipt_key")?)?;
    let segment = u32::try_from(case.uint("segment")?)?;
    let boot = BootId::new(case.array("boot")?);
    found(json!({ "checkpoint": tree(&Checkpoint::open_under(bytes, &key, boot, segment)?)? }))
}

/// A batch that holds the whole log so far, opened by its owner.
pub(super) fn batch(case: &Case, bytes: &[u8]) -> Verdict {
    let batch = AuditBatch::decode(bytes)?;
    let opening = AuditOpening::decode(&batch.opening)?;
    if (opening.boot.as_bytes(), opening.segment) != (&batch.boot, batch.segment) || batch.first != 0 {
        return Err("the batch does not begin the log of its opening".into());
    }
    let mut reader = AuditReader::open(&batch.opening, &audit_key(case)?)?;
    let (mut records, mut commitments) = (Vec::new(), Vec::new());
    for sealed in &batch.records {
        let record = reader.next(sealed)?.ok_or("no record")?;
        commitments.push(commitment(&record.blind, &reader.head()).to_string());
        records.push(tree(&record)?);
    }
    let checkpoint = Checkpoint::open(&batch.checkpoint, &opening)?;
    if (checkpoint.records, checkpoint.head) != (reader.records(), reader.head()) {
        return Err("the checkpoint is of another chain".into());
    }
    let fields = json!({
        "opening": tree(&opening)?,
        "records": records,
        "commitments": commitments,
        "head": reader.head().to_string(),
        "checkpoint": tree(&checkpoint)?,
        "document": hexed(&batch.document),
    });
    Ok(Judged { fields, rewritten: Some(batch.encode()?) })
}

pub(super) fn report(case: &Case, bytes: &[u8]) -> Verdict {
    let report = SealedReport::decode(bytes)?;
    let body = report.open(&audit_key(case)?)?;
    let fields = json!({ "id": tree(&report.id)?, "body": hex::encode(body.bytes()) });
    Ok(Judged { fields, rewritten: Some(report.encode()?) })
}

fn audit_key(case: &Case) -> Result<AuditPrivateKey, Refused> {
    Ok(AuditPrivateKey::from_seed(Zeroizing::new(case.array("audit_seed")?)))
}
