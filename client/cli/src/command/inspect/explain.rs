//! What each kind of file says. Text from inside a file is printable by its type: names, digests, numbers.

use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value, json};
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand};
use strongroom_attestation::published::{PublishedImage, PublishedMeasurements};
use strongroom_attestation::release::{
    Bundle, CONTROLS_CBOR, Controls, RELEASE_CBOR, Release, ReleasedModel,
};
use strongroom_attestation::{Document, ImagePcrs, RootKind};
use strongroom_client::TrustFile;
use strongroom_proto::cbor;
use strongroom_seal::digest::{ModelDigest, PrivateDigest, ReleaseDigest};
use strongroom_seal::label;
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::{Header, ModelManifest};
use strongroom_seal::signed::dangerous_unverified_payload;

use super::{Explained, image_file};
use crate::command::release::sealed_header;
use crate::limits::MAX_DOCUMENT_BYTES;
use crate::policy::words;
use crate::provenance;
use crate::words::requirement;

pub(super) const UNVERIFIED: &str = "UNVERIFIED: these are the file's own statements; anyone can write them";

/// A sealed model, of which only the header is read.
pub(super) fn sealed(path: &Path) -> Option<Explained> {
    let (_, header) = sealed_header(&mut File::open(path).ok()?).ok()?;
    let payload =
        dangerous_unverified_payload(label::MODEL_MANIFEST, &header.manifest, DOCUMENT_CBOR).ok()?;
    let manifest: ModelManifest = cbor::decode(&payload, DOCUMENT_CBOR).ok()?;
    let content = json!({
        "digest": ModelDigest::of(&payload).to_string(),
        "deployment": manifest.deployment,
        "model": manifest.model.to_string(),
        "kms_key": printable(&header.key_arn),
        "interface": printable_json(serde_json::to_value(&manifest.interface).ok()?),
        "schema": printable_json(serde_json::to_value(&manifest.schema).ok()?),
        "answer": manifest.answer,
        "provenance": manifest.provenance.iter().map(|claim| printable(&provenance::words(claim))).collect::<Vec<_>>(),
        "plaintext_sha256": hex::encode(manifest.content.sha256),
        "plaintext_bytes": manifest.content.length,
        "chunk_bytes": manifest.content.chunk_bytes,
    });
    Some(Explained { kind: "sealed model", verified: UNVERIFIED, content })
}

/// Any other file.
pub(super) fn document(bytes: &[u8]) -> Option<Explained> {
    if let Some(explained) = image_file::explain(bytes) {
        return Some(explained);
    }
    let small = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_DOCUMENT_BYTES);
    let bytes = if small { bytes } else { return None };
    let signed = charter(bytes).or_else(|| bundle(bytes)).or_else(|| measurements(bytes));
    signed.or_else(|| attestation(bytes)).or_else(|| trust(bytes))
}

fn measurements(bytes: &[u8]) -> Option<Explained> {
    let payload = dangerous_unverified_payload(label::MEASUREMENTS, bytes, RELEASE_CBOR).ok()?;
    let published: PublishedMeasurements = cbor::decode(&payload, RELEASE_CBOR).ok()?;
    let one = |published: &PublishedImage| json!({ "version": published.version, "image": image(&published.image) });
    let content = json!({
        "deployment": published.deployment,
        "images": published.images.iter().map(one).collect::<Vec<_>>(),
    });
    Some(Explained { kind: "published measurements", verified: UNVERIFIED, content })
}

pub(super) fn charter(bytes: &[u8]) -> Option<Explained> {
    let signed = SignedCharter::open(bytes).ok()?;
    let charter = signed.charter();
    let content = json!({
        "digest": signed.digest().to_string(),
        "pcr16": signed.pcr16().to_string(),
        "deployment": charter.deployment,
        "signer": signed.signer().to_string(),
        "keys": charter.keys.iter().map(|key| hex::encode(key.as_bytes())).collect::<Vec<_>>(),
        "region": charter.region,
        "kms_keys": charter.kms_keys,
        "least_epoch": charter.least_epoch,
    });
    let verified = "signed by a key that it names itself; whose key that is, is UNVERIFIED";
    Some(Explained { kind: "charter", verified, content })
}

fn bundle(bytes: &[u8]) -> Option<Explained> {
    let bundle = Bundle::decode(bytes).ok()?;
    let mut content = release(&bundle.release, &bundle.controls)?;
    content.as_object_mut()?.insert("private".to_owned(), private(&bundle.private));
    Some(Explained { kind: "release bundle", verified: UNVERIFIED, content })
}

/// A signed release and its controls.
pub(super) fn release(signed: &[u8], controls: &[u8]) -> Option<Value> {
    let payload = dangerous_unverified_payload(label::RELEASE, signed, RELEASE_CBOR).ok()?;
    let release: Release = cbor::decode(&payload, RELEASE_CBOR).ok()?;
    let controls: Controls = cbor::decode(controls, CONTROLS_CBOR).ok()?;
    Some(json!({
        "digest": ReleaseDigest::of(signed).to_string(),
        "deployment": release.deployment,
        "epoch": release.epoch,
        "not_before_ms": release.not_before,
        "not_after_ms": release.not_after,
        "images": release.images.iter().map(image).collect::<Vec<_>>(),
        "models": release.models.iter().map(model).collect::<Vec<_>>(),
        "controls_digest": release.controls.to_string(),
        "controls": stated(&controls)?,
        "controls_in_words": words::controls(&controls),
        "private_digest": release.private.to_string(),
    }))
}

/// Controls as they stand, with digests as people write them.
fn stated(controls: &Controls) -> Option<Value> {
    let mut stated = serde_json::to_value(controls).ok()?;
    for (name, model) in &controls.models {
        for (at, one) in model.provenance.iter().enumerate() {
            let digest = stated.pointer_mut(&format!("/models/{name}/provenance/{at}/sha256"))?;
            *digest = json!(hex::encode(one.sha256));
        }
    }
    Some(printable_json(stated))
}

fn private(package: &[u8]) -> Value {
    let Ok((header, chunks)) = Header::split(package) else { return json!("damaged") };
    let manifest = dangerous_unverified_payload(label::PRIVATE_MANIFEST, &header.manifest, DOCUMENT_CBOR);
    let digest = manifest.map(|manifest| PrivateDigest::of(&manifest).to_string());
    json!({
        "digest": digest.unwrap_or_else(|_| "damaged".to_owned()),
        "kms_key": printable(&header.key_arn),
        "encrypted_bytes": chunks.len(),
    })
}

pub(super) fn attestation(bytes: &[u8]) -> Option<Explained> {
    let document = Document::peek_unverified(bytes).ok()?;
    let pcrs: Map<String, Value> = document
        .pcrs()
        .iter()
        .filter(|(_, value)| !value.is_zero())
        .map(|(index, value)| (index.to_string(), json!(value.to_string())))
        .collect();
    let content = json!({
        "module_id": printable(document.module_id()),
        "timestamp_ms": document.timestamp(),
        "pcrs_not_zero": pcrs,
        "certificates": 1 + document.cabundle().len(),
        "public_key": document.public_key().map(hex::encode),
        "user_data": document.user_data().map(hex::encode),
        "nonce": document.nonce().map(hex::encode),
    });
    Some(Explained { kind: "attestation document", verified: UNVERIFIED, content })
}

fn trust(bytes: &[u8]) -> Option<Explained> {
    let file = TrustFile::parse(bytes).ok()?;
    let demands = file.demands();
    let charter = match &demands.charter {
        CharterDemand::Exactly(digest) => json!({ "digest": digest.to_string() }),
        CharterDemand::SignedBy(keys) => {
            json!({ "signed_by": keys.iter().map(|key| hex::encode(key.as_bytes())).collect::<Vec<_>>() })
        }
    };
    let models = match &demands.models {
        ModelDemand::Exactly(models) => json!(models.iter().map(model).collect::<Vec<_>>()),
        ModelDemand::OwnerMayChange => json!("the owner may change them"),
    };
    let controls = match &demands.controls {
        ControlsDemand::Exactly(digest) => json!(digest.to_string()),
        ControlsDemand::OwnerDecides => json!("the owner decides them"),
        ControlsDemand::Meeting(requirements) => {
            json!(requirements.iter().map(requirement).collect::<Vec<_>>())
        }
    };
    let root = match demands.root.kind() {
        RootKind::AwsNitroG1 => "AWS Nitro Enclaves root G1",
        RootKind::Simulated => "SIMULATION: a root that vouches for nothing",
    };
    let content = json!({
        "root": root,
        "root_sha256": hex::encode(demands.root.fingerprint()),
        "images": demands.images.iter().map(image).collect::<Vec<_>>(),
        "charter": charter,
        "least_epoch": demands.least_epoch,
        "models": models,
        "controls": controls,
        "max_age_seconds": demands.max_age.as_secs(),
    });
    Some(Explained { kind: "trust file", verified: "your own demands; nothing in it is a proof", content })
}

pub(super) fn image(image: &ImagePcrs) -> Value {
    json!({ "pcr0": image.pcr0, "pcr1": image.pcr1, "pcr2": image.pcr2 })
}

pub(super) fn model(model: &ReleasedModel) -> Value {
    json!({ "model": model.id.to_string(), "digest": model.digest.to_string() })
}

/// Text of a stranger, without what a terminal would act on.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

pub(super) fn printable_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(&text)),
        Value::Array(list) => Value::Array(list.into_iter().map(printable_json).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(name, value)| (printable(&name), printable_json(value))).collect(),
        ),
        other => other,
    }
}
