//! Files of keys: what each is, and what is public of it. The key itself is never told.

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use strongroom_attestation::audit::AuditPublicKey;
use strongroom_client::api_key;

use super::Explained;
use crate::limits::MAX_SECRET_FILE_BYTES;
use crate::secret;

/// What a file of a key is worth, in place of what of it is verified.
const SECRET: &str = "a secret: whoever reads this file can use it";
const PUBLIC: &str = "public";

pub(super) fn explain(bytes: &[u8]) -> Option<Explained> {
    let short = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_SECRET_FILE_BYTES);
    let text = if short { std::str::from_utf8(bytes).ok()? } else { return None };
    api_key_file(text)
        .or_else(|| signing_key(text))
        .or_else(|| audit_key(text))
        .or_else(|| tracing_key(text))
        .or_else(|| audit_public_key(text))
}

fn secret(kind: &'static str, content: Value) -> Explained {
    Explained { kind, verified: SECRET, content }
}

fn api_key_file(text: &str) -> Option<Explained> {
    let key = api_key::parse(text).ok()?;
    Some(secret("API key", json!({ "sha256_as_a_release_names_it": hex::encode(key.digest().as_bytes()) })))
}

fn signing_key(text: &str) -> Option<Explained> {
    let key = secret::parse_signing_key(text)?;
    let public = key.public();
    let content = json!({ "public_key": hex::encode(public.as_bytes()), "key_id": public.id().to_string() });
    Some(secret("signing key of an owner", content))
}

fn audit_key(text: &str) -> Option<Explained> {
    let key = secret::parse_audit_key(text)?;
    Some(secret("audit key, private half", fingerprint(&key.public())))
}

fn tracing_key(text: &str) -> Option<Explained> {
    secret::TracingKey::parse(text)?;
    Some(secret("tracing key of a model", json!({ "opens": "`strongroom watermark verify`" })))
}

fn audit_public_key(text: &str) -> Option<Explained> {
    let key = AuditPublicKey::new(&hex::decode(text.trim()).ok()?).ok()?;
    Some(Explained { kind: "audit key, public half", verified: PUBLIC, content: fingerprint(&key) })
}

/// The same for both halves, so that they can be told to belong together.
fn fingerprint(key: &AuditPublicKey) -> Value {
    json!({ "public_key_sha256": hex::encode(digest(&SHA256, key.as_bytes())) })
}
