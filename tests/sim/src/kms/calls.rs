//! What tests see and steer: a log of calls, and misdeeds to select.

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
    /// How it ended.
    pub outcome: Result<(), ErrorKind>,
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
