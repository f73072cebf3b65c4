//! Attestation documents: untrusted bytes read into fields, steps 1 to 17 of [`mod@crate::verify`].
//!
//! A [`Document`] proves nothing: anyone can write one. Only [`crate::verify()`] turns it into an
//! [`crate::Attested`], and nothing else in this crate may treat its fields as true.

mod envelope;
mod item;
mod payload;
mod statement;

use std::fmt;
use std::ops::Deref;

use coset::{Header, ProtectedHeader, SignatureContext, sig_structure_data};

use crate::error::FormatError;
use crate::limits::SIGNATURE_BYTES;
use crate::pcr::Pcr;
use envelope::Envelope;
use payload::Fields;

pub use statement::Statement;

/// A well-formed document that nobody has verified: a [`Statement`], to which it derefs, and its proof.
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
    /// Every field is a claim of whoever wrote the bytes.
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

    /// What the leaf must have signed.
    pub(crate) fn signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }

    /// r ‖ s.
    pub(crate) fn signature(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.signature
    }
}

impl Deref for Document {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        &self.fields.statement
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
