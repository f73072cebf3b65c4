//! Attestation documents: untrusted bytes read into fields, steps 1 to 17 of [`mod@crate::verify`].
//!
//! A [`Document`] proves nothing: anyone can write one. Only [`crate::verify()`] turns it into an
//! [`crate::Attested`], and nothing else in this crate may treat its fields as true.

mod envelope;
mod item;
mod payload;

use std::collections::BTreeMap;
use std::fmt;

use coset::{Header, ProtectedHeader, SignatureContext, sig_structure_data};

use crate::error::FormatError;
use crate::limits::SIGNATURE_BYTES;
use crate::pcr::{Pcr, PcrIndex};
use crate::time::UnixMillis;
use envelope::Envelope;
use payload::Fields;

/// A well-formed document that nobody has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    signed_bytes: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
    fields: Fields,
}

impl Document {
    /// Reads a document *without verifying it*.
    ///
    /// # Security
    /// Every field is a claim of whoever wrote the bytes. The one proper use is to read the time that
    /// the caller's own NSM has just stated.
    ///
    /// # Errors
    /// The first [`FormatError`] in the order of the steps.
    pub fn peek_unverified(bytes: &[u8]) -> Result<Self, FormatError> {
        let envelope = Envelope::read(bytes)?;
        Ok(Self {
            signed_bytes: signed_bytes(&envelope),
            signature: *envelope.signature,
            fields: Fields::read(envelope.payload)?,
        })
    }

    /// Id of the NSM that claims to have issued the document.
    #[must_use]
    pub fn module_id(&self) -> &str {
        &self.fields.module_id
    }

    /// When the document claims to have been made.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        self.fields.timestamp
    }

    /// The locked registers.
    #[must_use]
    pub fn pcrs(&self) -> &BTreeMap<PcrIndex, PcrValue> {
        &self.fields.pcrs
    }

    /// One register, if it is listed and of SHA-384.
    #[must_use]
    pub fn pcr(&self, index: PcrIndex) -> Option<Pcr> {
        self.fields.pcrs.get(&index).and_then(PcrValue::sha384)
    }

    /// The leaf certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.fields.certificate
    }

    /// The issuers in DER, the root that the document claims first.
    #[must_use]
    pub fn cabundle(&self) -> &[Vec<u8>] {
        &self.fields.cabundle
    }

    /// The public key, if one was asked for.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8]> {
        self.fields.public_key.as_deref()
    }

    /// The user data, if any was asked for.
    #[must_use]
    pub fn user_data(&self) -> Option<&[u8]> {
        self.fields.user_data.as_deref()
    }

    /// The nonce, if any was asked for.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.fields.nonce.as_deref()
    }

    /// What the leaf must have signed.
    pub(crate) fn signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }

    /// r ‖ s.
    pub(crate) fn signature(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.signature
    }
}

/// A register's bytes as listed: 32, 48 or 64 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrValue(Vec<u8>);

impl PcrValue {
    fn new(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 32 | 48 | 64).then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value as a SHA-384 register; `None` for another length.
    #[must_use]
    pub fn sha384(&self) -> Option<Pcr> {
        Pcr::try_from(self.0.as_slice()).ok()
    }

    /// Whether every bit is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

impl fmt::Display for PcrValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(&self.0))
    }
}

/// Sig_structure (RFC 9052 section 4.4) over the protected bytes as received, never re-encoded.
fn signed_bytes(envelope: &Envelope<'_>) -> Vec<u8> {
    let protected =
        ProtectedHeader { original_data: Some(envelope.protected.to_vec()), header: Header::default() };
    sig_structure_data(SignatureContext::CoseSign1, protected, None, b"", envelope.payload)
}
