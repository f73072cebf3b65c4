//! Sign, for asymmetric keys of P-384.

use aws_lc_rs::digest::{Digest, SHA384};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::ciphertext::Context;
use super::super::error::{ApiError, ErrorKind};
use super::{Blob, Invocation, base64, invalid};

const ALGORITHM: &str = "ECDSA_SHA_384";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Sign {
    key_id: String,
    message: Blob,
    message_type: Option<String>,
    signing_algorithm: String,
}

/// A fresh key, as [`super::super::state::Key`] holds it.
pub(super) fn new_key() -> Result<String, ApiError> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &SystemRandom::new());
    made.map(|pkcs8| hex::encode(pkcs8.as_ref())).map_err(|_| ApiError::bare(ErrorKind::Internal))
}

pub(super) fn sign(call: &mut Invocation<'_>, request: Sign) -> Result<Value, ApiError> {
    let key = call.authorize_use(&request.key_id, "kms:Sign", &Context::new(), None)?;
    let Some(pkcs8) = &key.signing else {
        return Err(invalid("The key does not support signing."));
    };
    if request.signing_algorithm != ALGORITHM || request.message_type.as_deref() != Some("DIGEST") {
        return Err(invalid("Only digests for ECDSA_SHA_384 are simulated."));
    }
    let digest = Digest::import_less_safe(&request.message.0, &SHA384);
    let digest = digest.map_err(|_| invalid("Digest is invalid length for algorithm ECDSA_SHA_384."))?;
    let broken = || ApiError::bare(ErrorKind::Internal);
    let pkcs8 = hex::decode(pkcs8).map_err(|_| broken())?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &pkcs8).map_err(|_| broken())?;
    let signature = pair.sign_digest(&digest).map_err(|_| broken())?;
    Ok(json!({
        "KeyId": key.arn,
        "Signature": base64(signature.as_ref()),
        "SigningAlgorithm": ALGORITHM,
    }))
}
