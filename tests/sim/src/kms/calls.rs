//! What tests see and steer: a log of calls, and misdeeds to select.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::ErrorKind;

/// One request that reached the service, allowed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation's name, without `TrentService.`.
    pub operation: String,
    /// The ARN of the key it was about, once known.
    pub key: Option<String>,
    /// Who called, once authenticated.
    pub principal: Option<String>,
    /// SHA-256 of the attestation document, if one came with it.
    pub document: Option<[u8; 32]>,
    /// The enclave of that document, if it was accepted.
    pub enclave: Option<Enclave>,
    /// The encryption context.
    pub context: BTreeMap<String, String>,
    /// How it ended.
    pub outcome: Result<(), ErrorKind>,
}

/// What an accepted attestation document says of its enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclave {
    /// Its name, another one for every start.
    pub module_id: String,
    /// PCR0.
    pub image: Vec<u8>,
}

impl Call {
    pub(super) fn of(operation: String) -> Self {
        let context = BTreeMap::new();
        Self {
            operation,
            key: None,
            principal: None,
            document: None,
            enclave: None,
            context,
            outcome: Ok(()),
        }
    }

    /// The call as a record of CloudTrail (AWS KMS Developer Guide, "Monitoring requests for Nitro enclaves").
    #[must_use]
    pub fn cloudtrail(&self) -> Value {
        let recipient = |enclave: &Enclave| {
            json!({ "recipient": {
                "attestationDocumentModuleId": enclave.module_id,
                "attestationDocumentEnclaveImageDigest": hex::encode(&enclave.image),
            }})
        };
        json!({
            "eventVersion": "1.11",
            "eventSource": "kms.amazonaws.com",
            "eventName": self.operation,
            "userIdentity": { "arn": self.principal },
            "requestParameters": { "encryptionContext": self.context, "keyId": self.key },
            "responseElements": null,
            "additionalEventData": self.enclave.as_ref().map(recipient),
            "errorCode": self.outcome.as_ref().err().map(|kind| format!("{kind:?}")),
        })
    }
}

/// How the service breaks its contract from now on. Each is something that a KMS in the wrong hands, or another
/// simulator, might do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Misdeed {
    /// It does not.
    #[default]
    None,
    /// It ignores the recipient and answers the plaintext.
    AnswerPlaintext,
    /// It answers to the recipient and gives the plaintext as well.
    AnswerBoth,
    /// It answers neither plaintext nor ciphertext for the recipient.
    StripRecipient,
    /// It names this key in its answer.
    NameOtherKey(String),
    /// It seals this to the recipient instead of the true plaintext.
    ForgePlaintext(Vec<u8>),
    /// It flips one bit in the middle of what it seals to the recipient.
    GarbleRecipient,
    /// It fails this many calls with an internal error, then behaves.
    FailFirst(u32),
    /// It answers with this many bytes of white space around the JSON.
    Pad(usize),
}
