//! Documents before they are signed. A genuine one is what the module signs; tests change one thing in
//! it and have it signed just as validly, so that each trips exactly one step of the verifier.

use std::collections::BTreeMap;

use coset::{Header, ProtectedHeader, SignatureContext, sig_structure_data};
use strongroom_attestation::{DocumentRequest, Pcr, PcrIndex, UnixMillis};
use strongroom_proto::cbor::{CborError, encode};

use super::Cbor;
use crate::pki::{Leaf, PkiError};

/// What a module has to say.
pub struct Statement<'a> {
    /// Its id.
    pub module_id: &'a str,
    /// Its time.
    pub timestamp: UnixMillis,
    /// The locked registers.
    pub pcrs: BTreeMap<PcrIndex, Pcr>,
    /// Its leaf certificate in DER.
    pub certificate: &'a [u8],
    /// The authorities in DER, the root first.
    pub cabundle: Vec<Vec<u8>>,
    /// What the enclave asked for.
    pub request: &'a DocumentRequest,
}

/// A document whose every part can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Content of the protected header.
    pub protected: Cbor,
    /// The unprotected header.
    pub unprotected: Cbor,
    /// The payload: a map in the order of AWS's documents.
    pub fields: Vec<(Cbor, Cbor)>,
    /// Whether that map ends with a break.
    pub indefinite: bool,
    /// Bytes after the map, inside the payload.
    pub payload_suffix: Vec<u8>,
}

/// Why a draft could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It has no encoding.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The leaf cannot sign.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

impl Draft {
    /// What a real module would write: fields in AWS's order, null for what was not asked for.
    #[must_use]
    pub fn genuine(statement: &Statement<'_>) -> Self {
        let pcrs = statement.pcrs.iter().map(|(index, value)| {
            (Cbor::Unsigned(index.get().into()), Cbor::Bytes(value.as_bytes().to_vec()))
        });
        let request = statement.request;
        let fields = [
            ("module_id", Cbor::text(statement.module_id)),
            ("digest", Cbor::text("SHA384")),
            ("timestamp", Cbor::Unsigned(statement.timestamp.as_millis())),
            ("pcrs", Cbor::Map(pcrs.collect())),
            ("certificate", Cbor::Bytes(statement.certificate.to_vec())),
            ("cabundle", Cbor::Array(statement.cabundle.iter().cloned().map(Cbor::Bytes).collect())),
            ("public_key", Cbor::bytes_or_null(request.public_key())),
            ("user_data", Cbor::bytes_or_null(request.user_data())),
            ("nonce", Cbor::bytes_or_null(request.nonce())),
        ];
        Self {
            // {1: -35}: algorithm ES384 (RFC 9053 section 2.1).
            protected: Cbor::Map(vec![(Cbor::Unsigned(1), Cbor::Negative(-35))]),
            unprotected: Cbor::Map(Vec::new()),
            fields: fields.map(|(name, value)| (Cbor::text(name), value)).to_vec(),
            indefinite: false,
            payload_suffix: Vec::new(),
        }
    }

    /// Changes a field, or adds it at the end.
    pub fn set(&mut self, name: &str, value: Cbor) {
        let key = Cbor::text(name);
        match self.fields.iter_mut().find(|(found, _)| *found == key) {
            Some((_, old)) => *old = value,
            None => self.fields.push((key, value)),
        }
    }

    /// Leaves a field out.
    pub fn remove(&mut self, name: &str) {
        let key = Cbor::text(name);
        self.fields.retain(|(found, _)| *found != key);
    }

    /// The payload's bytes.
    ///
    /// # Errors
    /// [`SignError::Cbor`].
    pub fn payload(&self) -> Result<Vec<u8>, SignError> {
        let fields = self.fields.clone();
        let map = if self.indefinite { Cbor::IndefiniteMap(fields) } else { Cbor::Map(fields) };
        let mut payload = encode(&map)?;
        payload.extend_from_slice(&self.payload_suffix);
        Ok(payload)
    }

    /// The untagged document, signed by `leaf`.
    ///
    /// # Errors
    /// Any [`SignError`].
    pub fn sign(&self, leaf: &Leaf) -> Result<Vec<u8>, SignError> {
        let payload = self.payload()?;
        let signature = leaf.sign(&self.signed_bytes(&payload)?)?;
        self.assemble(payload, signature)
    }

    /// What a signature over this draft with this payload is made of (RFC 9052 section 4.4).
    ///
    /// # Errors
    /// [`SignError::Cbor`].
    pub fn signed_bytes(&self, payload: &[u8]) -> Result<Vec<u8>, SignError> {
        let original_data = Some(encode(&self.protected)?);
        let protected = ProtectedHeader { original_data, header: Header::default() };
        Ok(sig_structure_data(SignatureContext::CoseSign1, protected, None, b"", payload))
    }

    /// Puts headers, a payload and a signature together.
    ///
    /// # Errors
    /// [`SignError::Cbor`].
    pub fn assemble(&self, payload: Vec<u8>, signature: Vec<u8>) -> Result<Vec<u8>, SignError> {
        let protected = Cbor::Bytes(encode(&self.protected)?);
        let parts = vec![protected, self.unprotected.clone(), Cbor::Bytes(payload), Cbor::Bytes(signature)];
        Ok(encode(&Cbor::Array(parts))?)
    }
}
