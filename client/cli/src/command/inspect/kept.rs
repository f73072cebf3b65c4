//! What clients and auditors keep: receipts, the evidence beside them, heads of audit logs.

use serde_json::{Value, json};
use strongroom_attestation::audit::Checkpoint;
use strongroom_attestation::claims::Claims;
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::release::RELEASE_CBOR;
use strongroom_proto::cbor;
use strongroom_proto::hello::{Evidence, read_offers};
use strongroom_seal::label;
use strongroom_seal::signed::dangerous_unverified_payload;

use super::Explained;
use super::explain::{attestation, charter, model, release};
use crate::command::receipt::fields::Fields;
use crate::limits::MAX_DOCUMENT_BYTES;
use crate::words::{boot_words, utc};

const RECEIPT: &str = "UNVERIFIED: anyone can write these statements; `strongroom receipt verify` verifies them with the evidence";
const EVIDENCE: &str =
    "UNVERIFIED: `strongroom receipt verify` judges evidence, with a receipt of its session";
const HEAD: &str = "UNVERIFIED: `strongroom audit verify --head` compares it with a copy of the log";

pub(super) fn explain(bytes: &[u8]) -> Option<Explained> {
    let small = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_DOCUMENT_BYTES);
    let bytes = if small { bytes } else { return None };
    receipt(bytes).or_else(|| head(bytes)).or_else(|| evidence(bytes))
}

fn receipt(bytes: &[u8]) -> Option<Explained> {
    let payload = dangerous_unverified_payload(label::RECEIPT, bytes, RELEASE_CBOR).ok()?;
    let receipt: Receipt = cbor::decode(&payload, RELEASE_CBOR).ok()?;
    let fields = Fields::of(&receipt);
    let content = json!({ "fields": fields, "in_words": fields.to_string().lines().collect::<Vec<_>>() });
    Some(Explained { kind: "receipt", verified: RECEIPT, content })
}

fn head(bytes: &[u8]) -> Option<Explained> {
    let payload = dangerous_unverified_payload(label::AUDIT_CHECKPOINT, bytes, RELEASE_CBOR).ok()?;
    let head: Checkpoint = cbor::decode(&payload, RELEASE_CBOR).ok()?;
    let content = json!({
        "boot": boot_words(head.boot),
        "segment": head.segment,
        "records": head.records,
        "head": head.head.to_string(),
        "time": utc(head.time),
    });
    Some(Explained { kind: "head of an audit log", verified: HEAD, content })
}

/// Each of the six parts, as far as it can be read.
fn evidence(bytes: &[u8]) -> Option<Explained> {
    let evidence = Evidence::decode(bytes).ok()?;
    let part = |read: Option<Value>| read.unwrap_or_else(|| json!("damaged"));
    let content = json!({
        "document": part(attestation(&evidence.document).map(|explained| explained.content)),
        "clients_that_share_the_document": part(read_offers(&evidence.offers).map(|offers| json!(offers.len()))),
        "claims": part(Claims::decode(&evidence.claims).ok().map(|claims| stated(&claims))),
        "charter": part(charter(&evidence.charter).map(|explained| explained.content)),
        "release": part(release(&evidence.release, &evidence.controls)),
    });
    Some(Explained { kind: "evidence", verified: EVIDENCE, content })
}

fn stated(claims: &Claims) -> Value {
    json!({
        "protocol": claims.protocol,
        "charter": claims.charter.to_string(),
        "release": claims.release.to_string(),
        "epoch": claims.epoch,
        "controls": claims.controls.to_string(),
        "models": claims.models.iter().map(model).collect::<Vec<_>>(),
        "receipt_key": hex::encode(claims.receipt_key.as_bytes()),
        "boot": boot_words(claims.boot),
    })
}
