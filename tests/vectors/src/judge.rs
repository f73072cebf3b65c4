//! What our readers make of one case.

mod asked;
mod audit;
mod basic;
mod clear;
mod document;
mod evidence;
mod owner;
mod package;
mod sealed;
mod trust;

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;
use strongroom_proto::cbor::CborError;
use strongroom_seal::key::VerifyingKey;

use crate::case::Case;
use crate::tree::tree;

pub use sealed::derived_keys;

/// What accepted bytes hold.
#[derive(Debug)]
pub struct Judged {
    /// In the form of the files.
    pub fields: Value,
    /// The bytes that our writer makes of it, where there is one way to write it.
    pub rewritten: Option<Vec<u8>>,
}

/// Why bytes were refused, in the words of our readers.
#[derive(Debug)]
pub struct Refused(pub String);

impl<E: Display> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Verdict = Result<Judged, Refused>;

/// One format, that is one file.
pub struct Format {
    /// Its name.
    pub name: &'static str,
    /// Where it is described.
    pub spec: &'static str,
    judge: fn(&Case, &[u8]) -> Verdict,
}

macro_rules! formats {
    ($($name:literal, $spec:literal, $judge:path;)*) => {
        /// Every format.
        pub const FORMATS: &[Format] = &[$(
            Format { name: $name, spec: concat!("docs/protocol.md#", $spec), judge: $judge },
        )*];
    };
}

formats! {
    "cbor", "1-conventions", basic::cbor;
    "name", "1-conventions", basic::name;
    "api-key", "1-conventions", basic::api_key;
    "digest", "2-labels-and-digests", basic::digest;
    "derived-key", "2-labels-and-digests", basic::derived_key;
    "charter", "4-charter-release-controls-private-part", owner::charter;
    "release", "4-charter-release-controls-private-part", owner::release;
    "controls", "4-charter-release-controls-private-part", owner::controls;
    "private-part", "4-charter-release-controls-private-part", owner::private_part;
    "release-bundle", "4-charter-release-controls-private-part", owner::bundle;
    "published-measurements", "4-charter-release-controls-private-part", owner::published;
    "model-package", "5-the-sealed-package", package::model;
    "private-package", "5-the-sealed-package", package::private;
    "hello", "7-hello-and-evidence", clear::hello;
    "evidence", "7-hello-and-evidence", clear::evidence;
    "offers", "7-hello-and-evidence", clear::offers;
    "claims", "7-hello-and-evidence", clear::claims;
    "attestation-document", "8-judging-evidence", document::document;
    "judgement", "8-judging-evidence", evidence::judgement;
    "channel", "9-the-channel", sealed::channel;
    "record", "9-the-channel", sealed::record;
    "answer-size", "9-the-channel", sealed::answer_size;
    "opening", "10-messages", sealed::opening;
    "request", "10-messages", sealed::request;
    "answer", "10-messages", sealed::answer;
    "ask", "11-requests-outcomes-receipts", asked::ask;
    "tensor", "11-requests-outcomes-receipts", asked::tensor;
    "outcome", "11-requests-outcomes-receipts", asked::outcome;
    "receipt", "11-requests-outcomes-receipts", asked::receipt;
    "trust-file", "12-the-trust-file", trust::trust_file;
    "frame", "13-between-host-and-enclave", clear::frame;
    "boot-documents", "13-between-host-and-enclave", clear::boot_documents;
    "credentials", "13-between-host-and-enclave", clear::credentials;
    "range", "13-between-host-and-enclave", clear::range;
    "host-status", "13-between-host-and-enclave", clear::status;
    "audit-opening", "14-the-audit-log", audit::opening;
    "audit-record", "14-the-audit-log", audit::record;
    "audit-checkpoint", "14-the-audit-log", audit::checkpoint;
    "audit-batch", "14-the-audit-log", audit::batch;
    "sealed-state", "15-sealed-state", sealed::state;
    "report", "15-sealed-state", clear::report;
    "report-summary", "15-sealed-state", clear::summary;
    "sealed-report", "15-sealed-state", audit::report;
}

/// The format of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Reads the bytes of a case as its format; [`None`] where the bytes are not there.
///
/// # Errors
/// [`Refused`] in the words of the reader.
pub fn judge(format: &Format, case: &Case) -> Result<Option<Judged>, Refused> {
    let Some(bytes) = case.bytes()? else { return Ok(None) };
    (format.judge)(case, &bytes).map(Some)
}

/// What a value holds, and how it is written.
fn written<T: Serialize>(value: &T, rewritten: Result<Vec<u8>, CborError>) -> Verdict {
    Ok(Judged { fields: tree(value)?, rewritten: Some(rewritten?) })
}

/// What was found, where there is no single way to write it.
fn found(fields: Value) -> Verdict {
    Ok(Judged { fields, rewritten: None })
}

/// The public keys that are given under this name.
fn keys(case: &Case, name: &str) -> Result<Vec<VerifyingKey>, Refused> {
    let list = case.get(name).and_then(Value::as_array).ok_or("no list of keys is given")?;
    let key = |value: &Value| {
        let point = hex::decode(value.as_str().unwrap_or_default())?;
        Ok(VerifyingKey::new(&point)?)
    };
    list.iter().map(key).collect()
}
