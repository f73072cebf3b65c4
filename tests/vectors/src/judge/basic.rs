//! Conventions: CBOR, names, API keys, digests, derived keys.

use serde_json::json;
use strongroom_core::api_key;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::digest::labelled;
use strongroom_seal::label::{self, Label};
use strongroom_seal::secret::DataKey;

use super::{Judged, Verdict, found};
use crate::case::Case;
use crate::tree::Tree;

pub(super) fn cbor(case: &Case, bytes: &[u8]) -> Verdict {
    let bound = |name| Ok::<_, super::Refused>(usize::try_from(case.uint(name)?)?);
    let max_depth = u8::try_from(case.uint("max_depth")?)?;
    let bounds = Bounds { max_bytes: bound("max_bytes")?, max_depth, max_items: bound("max_items")? };
    let Tree(value) = cbor::decode_tree(bytes, bounds)?;
    found(json!({ "value": value }))
}

pub(super) fn name(case: &Case, bytes: &[u8]) -> Verdict {
    let text = std::str::from_utf8(bytes)?;
    let (fields, written) = match case.text("kind")? {
        "package_id" => {
            let id: PackageId = text.parse()?;
            (json!({ "name": id.name, "version": id.version }), id.to_string())
        }
        _ => {
            let name: Name = text.parse()?;
            (json!({ "name": name }), name.to_string())
        }
    };
    Ok(Judged { fields, rewritten: Some(written.into_bytes()) })
}

pub(super) fn api_key(_: &Case, bytes: &[u8]) -> Verdict {
    let key = api_key::parse(std::str::from_utf8(bytes)?)?;
    let digest = hex::encode(key.digest().as_bytes());
    let fields = json!({ "key": hex::encode(key.expose_secret()), "digest": digest });
    Ok(Judged { fields, rewritten: Some(api_key::write(&key).as_bytes().to_vec()) })
}

/// Every label that is the label of a digest, a signature or a key.
const LABELS: [Label; 28] = [
    label::CHARTER,
    label::RELEASE,
    label::MEASUREMENTS,
    label::CONTROLS,
    label::MODEL_MANIFEST,
    label::PRIVATE_MANIFEST,
    label::CLAIMS,
    label::OFFERS,
    label::NONCE,
    label::EVIDENCE,
    label::CHANNEL,
    label::REQUEST_KEY,
    label::ANSWER_KEY,
    label::REQUEST,
    label::OUTCOME,
    label::RECEIPT,
    label::AUDIT_OPENING,
    label::AUDIT,
    label::AUDIT_KEY,
    label::AUDIT_CHAIN,
    label::AUDIT_CHECKPOINT,
    label::AUDIT_COMMITMENT,
    label::STATE,
    label::FIELD,
    label::WATERMARK,
    label::REPORT,
    label::CLAIM,
    label::KMS,
];

pub(super) fn digest(case: &Case, bytes: &[u8]) -> Verdict {
    let text = case.text("label")?;
    let label = LABELS.into_iter().find(|label| label.text() == text).ok_or("no such label")?;
    found(json!({ "digest": hex::encode(labelled(label, bytes)) }))
}

pub(super) fn derived_key(case: &Case, bytes: &[u8]) -> Verdict {
    let mut secret: [u8; 32] = bytes.try_into()?;
    let key = DataKey::take(&mut secret);
    let purpose = case.hex("purpose")?;
    let derived = match (case.text("label")?, purpose.is_empty()) {
        ("strongroom/field-v1", true) => *key.field_key().map_err(|_| "no key")?.expose_secret(),
        ("strongroom/field-v1", false) => key.field_key()?.seed(&purpose)?,
        ("strongroom/watermark-v1", true) => *key.watermark_key()?.expose_secret(),
        ("strongroom/watermark-v1", false) => key.watermark_key()?.seed(&purpose)?,
        _ => return Err("no such key".into()),
    };
    found(json!({ "key": hex::encode(derived) }))
}
