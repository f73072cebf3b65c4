//! GenerateDataKey, Encrypt, Decrypt, and the answer to a recipient.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::calls::Misdeed;
use super::super::ciphertext::{self, Context};
use super::super::cms;
use super::super::error::{ApiError, ErrorKind};
use super::super::limits::{MAX_DATA_KEY_BYTES, MAX_PLAINTEXT_BYTES};
use super::super::state::{Key, random};
use super::{Attested, Blob, Invocation, Recipient, base64, invalid};

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct GenerateDataKey {
    key_id: String,
    #[serde(default)]
    encryption_context: Context,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    recipient: Option<Recipient>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Encrypt {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: Context,
    encryption_algorithm: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Decrypt {
    ciphertext_blob: Blob,
    key_id: Option<String>,
    #[serde(default)]
    encryption_context: Context,
    encryption_algorithm: Option<String>,
    recipient: Option<Recipient>,
}

pub(super) fn generate_data_key(
    call: &mut Invocation<'_>,
    request: GenerateDataKey,
) -> Result<Value, ApiError> {
    let attested = call.attest(request.recipient)?;
    let context = request.encryption_context;
    let key = call.authorize_use(&request.key_id, "kms:GenerateDataKey", &context, attested.as_ref())?;
    let length = match (request.key_spec.as_deref(), request.number_of_bytes) {
        (Some("AES_256"), None) => 32,
        (Some("AES_128"), None) => 16,
        (None, Some(length @ 1..=MAX_DATA_KEY_BYTES)) => length,
        _ => return Err(invalid("Please specify either number of bytes or key spec.")),
    };
    let plaintext = random::<MAX_DATA_KEY_BYTES>()?.into_iter().take(length).collect::<Vec<u8>>();
    let blob = ciphertext::seal(&key.id, &key.material, &context, plaintext.clone())?;
    let mut answer = call.reveal(&key, plaintext, attested)?;
    answer.insert("CiphertextBlob".into(), base64(&blob).into());
    Ok(Value::Object(answer))
}

pub(super) fn encrypt(call: &mut Invocation<'_>, request: Encrypt) -> Result<Value, ApiError> {
    let (context, Blob(plaintext)) = (request.encryption_context, request.plaintext);
    let key = call.authorize_use(&request.key_id, "kms:Encrypt", &context, None)?;
    check_algorithm(request.encryption_algorithm.as_deref())?;
    if plaintext.is_empty() || plaintext.len() > MAX_PLAINTEXT_BYTES {
        return Err(invalid("The plaintext has between 1 and 4096 bytes."));
    }
    let blob = ciphertext::seal(&key.id, &key.material, &context, plaintext)?;
    Ok(json!({"CiphertextBlob": base64(&blob), "KeyId": key.arn, "EncryptionAlgorithm": ALGORITHM}))
}

pub(super) fn decrypt(call: &mut Invocation<'_>, request: Decrypt) -> Result<Value, ApiError> {
    let attested = call.attest(request.recipient)?;
    let (context, Blob(blob)) = (request.encryption_context, request.ciphertext_blob);
    let made_under = ciphertext::key_id(&blob);
    let key_id = match (&request.key_id, &made_under) {
        (Some(named), _) => named.as_str(),
        (None, Ok(made_under)) => made_under,
        (None, Err(error)) => return Err(error.clone()),
    };
    let key = call.authorize_use(key_id, "kms:Decrypt", &context, attested.as_ref())?;
    check_algorithm(request.encryption_algorithm.as_deref())?;
    if made_under? != key.id {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(ApiError::new(ErrorKind::IncorrectKey, message));
    }
    let plaintext = ciphertext::open(&key.id, &key.material, &context, &blob)?;
    let mut answer = call.reveal(&key, plaintext, attested)?;
    answer.insert("EncryptionAlgorithm".into(), ALGORITHM.into());
    Ok(Value::Object(answer))
}

fn check_algorithm(algorithm: Option<&str>) -> Result<(), ApiError> {
    if algorithm.is_none_or(|a| a == ALGORITHM) {
        return Ok(());
    }
    Err(invalid("The key does not support this encryption algorithm."))
}

impl Invocation<'_> {
    /// Puts a plaintext into an answer: in the clear, or sealed to the recipient with an empty `Plaintext`. The one
    /// place where misdeeds happen.
    fn reveal(
        &self,
        key: &Key,
        plaintext: Vec<u8>,
        attested: Option<Attested>,
    ) -> Result<Map<String, Value>, ApiError> {
        let key_id = if let Misdeed::NameOtherKey(other) = self.misdeed { other } else { &key.arn };
        let mut answer = Map::from_iter([("KeyId".into(), key_id.as_str().into())]);
        let in_clear = attested.is_none() || *self.misdeed == Misdeed::AnswerPlaintext;
        let shown =
            if in_clear || *self.misdeed == Misdeed::AnswerBoth { base64(&plaintext) } else { String::new() };
        answer.insert("Plaintext".into(), shown.into());
        if let Some(attested) = attested.filter(|_| !in_clear && *self.misdeed != Misdeed::StripRecipient) {
            let sealed = self.seal(&attested.public_key, plaintext)?;
            answer.insert("CiphertextForRecipient".into(), base64(&sealed).into());
        }
        Ok(answer)
    }

    fn seal(&self, spki_der: &[u8], plaintext: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        let plaintext = match self.misdeed {
            Misdeed::ForgePlaintext(forged) => forged.clone(),
            _ => plaintext,
        };
        let sealed = cms::seal(spki_der, plaintext);
        let mut sealed = sealed.map_err(|_| invalid("The public key is not an RSA-2048 key."))?;
        let middle = sealed.len() / 2;
        if let (Misdeed::GarbleRecipient, Some(byte)) = (self.misdeed, sealed.get_mut(middle)) {
            *byte ^= 1;
        }
        Ok(sealed)
    }
}
