//! KMS call records as CloudTrail states them (AWS KMS Developer Guide, "Monitoring requests for Nitro enclaves").
//!
//! A call with a recipient carries `additionalEventData.recipient` with the module id and PCR0 of the attestation
//! document that KMS verified. Taken are a trail's files, `{"Records": [event]}`, and what
//! `aws cloudtrail lookup-events` prints, `{"Events": [{"CloudTrailEvent": "event"}]}`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use strongroom_attestation::Pcr;

/// One Decrypt of an enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KmsCall {
    /// The enclave, as its NSM names it: another one for every start.
    pub(crate) module_id: String,
    /// PCR0.
    pub(crate) image: Pcr,
    /// The deployment of the encryption context.
    pub(crate) deployment: Option<String>,
    /// Whether KMS refused.
    pub(crate) refused: bool,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "Records", default)]
    records: Vec<Event>,
    #[serde(rename = "Events", default)]
    events: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "CloudTrailEvent")]
    event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_source: Option<String>,
    event_name: Option<String>,
    error_code: Option<String>,
    request_parameters: Option<Parameters>,
    additional_event_data: Option<Additional>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    encryption_context: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Additional {
    recipient: Option<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    attestation_document_module_id: Option<String>,
    attestation_document_enclave_image_digest: Option<String>,
}

/// Reads a file; [`None`] when it is not one of CloudTrail.
pub(crate) fn read(json: &[u8]) -> Option<Vec<KmsCall>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json).ok()?;
    if !object.contains_key("Records") && !object.contains_key("Events") {
        return None;
    }
    let file: File = serde_json::from_value(object.into()).ok()?;
    let inner = file.events.iter().map(|found| serde_json::from_str(&found.event).ok());
    let events: Vec<Event> = inner.collect::<Option<_>>()?;
    Some(file.records.into_iter().chain(events).filter_map(call).collect())
}

fn call(event: Event) -> Option<KmsCall> {
    let decrypt = event.event_source.as_deref() == Some("kms.amazonaws.com")
        && event.event_name.as_deref() == Some("Decrypt");
    let recipient = event.additional_event_data.filter(|_| decrypt)?.recipient?;
    let module_id = recipient.attestation_document_module_id.filter(|id| is_module_id(id))?;
    let mut context = event.request_parameters.and_then(|parameters| parameters.encryption_context);
    Some(KmsCall {
        module_id,
        image: pcr(&recipient.attestation_document_enclave_image_digest?)?,
        deployment: context.as_mut().and_then(|context| context.remove("strongroom:deployment")),
        refused: event.error_code.is_some(),
    })
}

/// Nothing else is printed.
fn is_module_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The guide shows hexadecimal; base64 of the same bytes occurs.
fn pcr(text: &str) -> Option<Pcr> {
    text.parse().ok().or_else(|| Some(Pcr::new(STANDARD.decode(text).ok()?.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(name: &str, recipient: Value) -> Value {
        json!({
            "eventSource": "kms.amazonaws.com", "eventName": name, "eventTime": "2026-07-27T22:58:24Z",
            "requestParameters": { "encryptionContext": { "strongroom:deployment": "d", "strongroom:model": "m" } },
            "responseElements": null,
            "additionalEventData": { "recipient": recipient },
        })
    }

    #[test]
    fn decrypts_of_enclaves_are_read_in_both_forms() {
        let hex = json!({
            "attestationDocumentModuleId": "i-1-enc2",
            "attestationDocumentEnclaveImageDigest": "ab".repeat(48),
        });
        let coded = STANDARD.encode([0xab; 48]);
        let base64 = json!({
            "attestationDocumentModuleId": "i-1-enc3", "attestationDocumentEnclaveImageDigest": coded,
        });
        let mut refused = event("Decrypt", hex.clone());
        refused["errorCode"] = json!("AccessDenied");
        let other =
            json!({ "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "requestParameters": null });
        let file = json!({ "Records": [
            event("Decrypt", hex.clone()), event("Decrypt", base64), refused, event("GenerateRandom", hex.clone()),
            event("Decrypt", json!({ "attestationDocumentModuleId": "\u{1b}[2J" })), other,
        ]});
        let calls = read(file.to_string().as_bytes()).unwrap();
        let shown: Vec<_> = calls.iter().map(|call| (call.module_id.as_str(), call.refused)).collect();
        assert_eq!(shown, [("i-1-enc2", false), ("i-1-enc3", false), ("i-1-enc2", true)]);
        assert!(calls.iter().all(|call| call.image == Pcr::new([0xab; 48])));
        assert!(calls.iter().all(|call| call.deployment.as_deref() == Some("d")));
        let found = json!({ "Events": [{ "CloudTrailEvent": event("Decrypt", hex).to_string() }] });
        assert_eq!(read(found.to_string().as_bytes()).unwrap(), calls[..1]);
        assert!(read(b"{}").is_none() && read(b"[]").is_none() && read(b"x").is_none());
    }
}
