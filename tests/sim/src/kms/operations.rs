//! The simulated operations of the KMS API, each with its request as the API reference has it.
//!
//! Unknown fields are refused: a caller that sends one would otherwise believe it was heeded.

mod crypto;
mod grants;
mod keys;
mod policies;
mod signing;

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::caller::Caller;
use super::calls::{Call, Enclave, Misdeed};
use super::ciphertext::Context;
use super::error::{ApiError, ErrorKind};
use super::limits::MAX_DOCUMENT_BYTES;
use super::policy::{ConditionKeys, Decision, Policy, Request, evaluate};
use super::recipient::{RecipientFacts, RecipientVerifier};
use super::state::{Key, Store};

/// One authenticated call and all it may touch.
pub(crate) struct Invocation<'a> {
    pub(crate) region: &'a str,
    pub(crate) now: SystemTime,
    pub(crate) caller: &'a Caller,
    pub(crate) verifier: &'a RecipientVerifier,
    pub(crate) store: &'a mut Store,
    pub(crate) log: &'a mut Call,
    pub(crate) misdeed: &'a Misdeed,
}

/// Runs one operation. `Null` is an empty body.
pub(crate) fn dispatch(call: &mut Invocation<'_>, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
    match operation {
        "CreateKey" => keys::create(call, read(body)?),
        "DescribeKey" => keys::describe(call, &read(body)?),
        "EnableKey" => keys::switch(call, &read(body)?, "kms:EnableKey", true),
        "DisableKey" => keys::switch(call, &read(body)?, "kms:DisableKey", false),
        "GetKeyPolicy" => policies::get(call, &read(body)?),
        "PutKeyPolicy" => policies::put(call, read(body)?),
        "CreateGrant" => grants::create(call, read(body)?),
        "ListGrants" => grants::list(call, &read(body)?),
        "GenerateDataKey" => crypto::generate_data_key(call, read(body)?),
        "Encrypt" => crypto::encrypt(call, read(body)?),
        "Sign" => signing::sign(call, read(body)?),
        "Decrypt" => crypto::decrypt(call, read(body)?),
        _ => Err(ApiError::bare(ErrorKind::UnknownOperation)),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|_| ApiError::bare(ErrorKind::Serialization))
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorKind::Validation, message)
}

/// Bytes in base64.
pub(crate) struct Blob(Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map(Self).map_err(D::Error::custom)
    }
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `RecipientInfo` of the API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Recipient {
    attestation_document: Blob,
    key_encryption_algorithm: String,
}

/// A recipient whose document was accepted and holds a key.
struct Attested {
    pcrs: BTreeMap<u8, Vec<u8>>,
    public_key: Vec<u8>,
}

impl Invocation<'_> {
    /// Judges the document of a recipient, if there is one.
    ///
    /// Assumption: a document that is not accepted is a `ValidationException`; AWS does not document the name.
    fn attest(&mut self, recipient: Option<Recipient>) -> Result<Option<Attested>, ApiError> {
        let Some(Recipient { attestation_document: Blob(document), key_encryption_algorithm }) = recipient
        else {
            return Ok(None);
        };
        self.log.document = digest::digest(&digest::SHA256, &document).as_ref().try_into().ok();
        let is_bounded = (1..=MAX_DOCUMENT_BYTES).contains(&document.len());
        if key_encryption_algorithm != "RSAES_OAEP_SHA_256" || !is_bounded {
            return Err(invalid("The recipient does not satisfy the constraints of the API."));
        }
        let facts = (self.verifier)(&document, self.now);
        let RecipientFacts { module_id, pcrs, public_key } = facts.map_err(|e| invalid(&e.to_string()))?;
        self.log.enclave = Some(Enclave { module_id, image: pcrs.get(&0).cloned().unwrap_or_default() });
        let public_key = public_key.ok_or_else(|| invalid("The attestation document has no public key."))?;
        Ok(Some(Attested { pcrs, public_key }))
    }

    /// Finds a key and lets the caller do `action` with it, or not.
    fn authorize(
        &mut self,
        key_id: &str,
        action: &str,
        context: &Context,
        attested: Option<&Attested>,
    ) -> Result<Key, ApiError> {
        let key = self.store.find(key_id)?;
        self.log.key = Some(key.arn.clone());
        self.log.context = context.clone();
        let keys = condition_keys(self.caller, context, attested);
        let request = Request { caller: self.caller, action, key_arn: &key.arn, context, keys: &keys };
        let decision = evaluate(&Policy::parse(&key.policy)?, &key.grants, request);
        let why = match decision {
            Decision::Allowed => return Ok(key.clone()),
            Decision::ExplicitlyDenied => "with an explicit deny in a resource-based policy".to_owned(),
            Decision::NotAllowed => format!("because no resource-based policy allows the {action} action"),
        };
        Err(denied(self.caller, action, &key.arn, &why))
    }

    /// As [`Self::authorize`], for operations that use the key material.
    fn authorize_use(
        &mut self,
        key_id: &str,
        action: &str,
        context: &Context,
        attested: Option<&Attested>,
    ) -> Result<Key, ApiError> {
        let key = self.authorize(key_id, action, context, attested)?;
        if key.enabled {
            return Ok(key);
        }
        Err(ApiError::new(ErrorKind::Disabled, format!("{} is disabled.", key.arn)))
    }
}

fn denied(caller: &Caller, action: &str, resource: &str, why: &str) -> ApiError {
    let arn = &caller.arn;
    let message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource} {why}");
    ApiError::new(ErrorKind::AccessDenied, message)
}

/// The condition keys of a call. Without an accepted document those of the attestation are absent.
fn condition_keys(caller: &Caller, context: &Context, attested: Option<&Attested>) -> ConditionKeys {
    let mut keys = ConditionKeys::default();
    keys.add("aws:PrincipalArn", &caller.principal);
    keys.add("aws:PrincipalAccount", &caller.account);
    keys.add("kms:CallerAccount", &caller.account);
    for (name, value) in context {
        keys.add(&format!("kms:EncryptionContext:{name}"), value);
        keys.add("kms:EncryptionContextKeys", name);
    }
    for (index, value) in attested.map(|a| &a.pcrs).into_iter().flatten() {
        keys.add(&format!("kms:RecipientAttestation:PCR{index}"), hex::encode(value));
        if *index == 0 {
            keys.add("kms:RecipientAttestation:ImageSha384", hex::encode(value));
        }
    }
    keys
}
