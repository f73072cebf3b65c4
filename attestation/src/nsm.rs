//! What an enclave asks of its Nitro Secure Module: the seam between the real device and a simulated one.
//!
//! The trait has the device's operations and nothing more. It must never grow a method that only a
//! simulation could answer.

use crate::limits::{MAX_NONCE_BYTES, MAX_PUBLIC_KEY_BYTES, MAX_USER_DATA_BYTES};
use crate::pcr::{Pcr, PcrIndex};

/// The operations of a Nitro Secure Module. Calls block: a document takes the device about 0.1 s.
pub trait Nsm: Send + Sync {
    /// Reads a register.
    ///
    /// # Errors
    /// Any [`NsmError`] of the module.
    fn describe_pcr(&self, index: PcrIndex) -> Result<PcrState, NsmError>;

    /// Extends a register and returns its new value.
    ///
    /// # Errors
    /// [`NsmError::ReadOnlyIndex`] when the register is locked; any other [`NsmError`] of the module.
    fn extend(&self, index: PcrIndex, data: &[u8]) -> Result<Pcr, NsmError>;

    /// Locks a register until the enclave ends. Only locked registers stand in documents.
    ///
    /// # Errors
    /// [`NsmError::ReadOnlyIndex`] when the register is locked already; any other [`NsmError`].
    fn lock(&self, index: PcrIndex) -> Result<(), NsmError>;

    /// Returns a fresh attestation document, a COSE_Sign1 structure.
    ///
    /// # Errors
    /// Any [`NsmError`] of the module.
    fn attest(&self, request: &DocumentRequest) -> Result<Vec<u8>, NsmError>;

    /// Fills `out` with random bytes of the module.
    ///
    /// # Errors
    /// Any [`NsmError`] of the module.
    fn random(&self, out: &mut [u8]) -> Result<(), NsmError>;
}

/// A register as the module describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcrState {
    /// Its value.
    pub value: Pcr,
    /// Whether it can no longer be extended.
    pub locked: bool,
}

/// What a document shall carry beyond the measurements. Sizes were checked when a value exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRequest {
    user_data: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    public_key: Option<Vec<u8>>,
}

impl DocumentRequest {
    /// A request for a bare document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds user data.
    ///
    /// # Errors
    /// [`NsmError::InputTooLarge`] past [`MAX_USER_DATA_BYTES`].
    pub fn with_user_data(self, user_data: Vec<u8>) -> Result<Self, NsmError> {
        let user_data = Some(within(user_data, MAX_USER_DATA_BYTES)?);
        Ok(Self { user_data, ..self })
    }

    /// Adds a nonce.
    ///
    /// # Errors
    /// [`NsmError::InputTooLarge`] past [`MAX_NONCE_BYTES`].
    pub fn with_nonce(self, nonce: Vec<u8>) -> Result<Self, NsmError> {
        let nonce = Some(within(nonce, MAX_NONCE_BYTES)?);
        Ok(Self { nonce, ..self })
    }

    /// Adds a public key.
    ///
    /// # Errors
    /// [`NsmError::InputTooLarge`] past [`MAX_PUBLIC_KEY_BYTES`]; [`NsmError::InvalidArgument`] when it is
    /// empty, which no verifier would accept.
    pub fn with_public_key(self, public_key: Vec<u8>) -> Result<Self, NsmError> {
        if public_key.is_empty() {
            return Err(NsmError::InvalidArgument);
        }
        let public_key = Some(within(public_key, MAX_PUBLIC_KEY_BYTES)?);
        Ok(Self { public_key, ..self })
    }

    /// The user data, if any is to be carried.
    #[must_use]
    pub fn user_data(&self) -> Option<&[u8]> {
        self.user_data.as_deref()
    }

    /// The nonce, if any is to be carried.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The public key, if any is to be carried.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }
}

/// Why the module did not answer: its own error codes, and its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NsmError {
    /// An argument is invalid.
    #[error("the NSM calls an argument invalid")]
    InvalidArgument,
    /// No such register.
    #[error("the NSM has no such register")]
    InvalidIndex,
    /// The answer does not belong to the request or has another shape.
    #[error("the answer of the NSM is not one to the request")]
    InvalidResponse,
    /// The register is locked.
    #[error("the register is locked")]
    ReadOnlyIndex,
    /// The module lacks a capability.
    #[error("the NSM cannot do this")]
    InvalidOperation,
    /// The answer does not fit the device's buffer.
    #[error("the answer of the NSM does not fit")]
    BufferTooSmall,
    /// The request is too large.
    #[error("the request to the NSM is too large")]
    InputTooLarge,
    /// The module failed.
    #[error("the NSM failed")]
    Internal,
    /// There is no module: this is not an enclave.
    #[error("there is no NSM here")]
    Unavailable,
}

fn within(bytes: Vec<u8>, max_bytes: usize) -> Result<Vec<u8>, NsmError> {
    if bytes.len() <= max_bytes { Ok(bytes) } else { Err(NsmError::InputTooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_the_bounds_of_the_document() {
        let request = DocumentRequest::new();
        assert!(request.clone().with_user_data(vec![0; 512]).is_ok());
        assert_eq!(request.clone().with_user_data(vec![0; 513]), Err(NsmError::InputTooLarge));
        assert!(request.clone().with_nonce(vec![0; 512]).is_ok());
        assert_eq!(request.clone().with_nonce(vec![0; 513]), Err(NsmError::InputTooLarge));
        assert!(request.clone().with_public_key(vec![0; 1024]).is_ok());
        assert_eq!(request.clone().with_public_key(vec![0; 1025]), Err(NsmError::InputTooLarge));
        assert_eq!(request.with_public_key(Vec::new()), Err(NsmError::InvalidArgument));
    }
}
