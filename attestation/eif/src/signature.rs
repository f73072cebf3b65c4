//! The signature of an image: a COSE_Sign1 over its PCR0, beside the certificate whose digest becomes PCR8.
//!
//! ES384 alone. The signature itself is made elsewhere: by a key in a file, or by one that never leaves KMS.

use coset::{
    CborSerializable, CoseSign1, Header, ProtectedHeader, RegisteredLabelWithPrivate, SignatureContext, iana,
    sig_structure_data,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use strongroom_attestation::Pcr;
use strongroom_proto::cbor;

use crate::error::EifError;
use crate::limits::SIGNATURE_CBOR;

/// Bytes of an ES384 signature: r ‖ s.
pub const SIGNATURE_BYTES: usize = 96;

/// The register that is signed.
const SIGNED_REGISTER: i32 = 0;

/// A signing certificate, as it stands in the image and as it is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pem: Vec<u8>,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// Takes PEM of exactly one certificate.
    ///
    /// # Errors
    /// [`EifError::Certificate`].
    pub fn from_pem(pem: Vec<u8>) -> Result<Self, EifError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let [der] =
            found.map_err(|_| EifError::Certificate)?.try_into().map_err(|_| EifError::Certificate)?;
        Ok(Self { pem, der })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// One signature of PCR0.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureSection {
    certificate: Certificate,
    pcr0: Pcr,
    signature: Vec<u8>,
}

/// The content of the section: a list of these, its byte strings as lists of numbers.
#[derive(Serialize, Deserialize)]
struct Entry {
    signing_certificate: Vec<u8>,
    signature: Vec<u8>,
}

/// The payload that is signed.
#[derive(Serialize, Deserialize)]
struct Payload {
    register_index: i32,
    register_value: Vec<u8>,
}

impl SignatureSection {
    /// What has to be signed for `pcr0` (RFC 9052 section 4.4). Its SHA-384 is what KMS signs.
    ///
    /// # Errors
    /// [`EifError::Signature`] when it has no encoding.
    pub fn to_be_signed(pcr0: &Pcr) -> Result<Vec<u8>, EifError> {
        let protected = ProtectedHeader { original_data: None, header: protected() };
        Ok(sig_structure_data(SignatureContext::CoseSign1, protected, None, b"", &payload(pcr0)?))
    }

    /// Puts certificate, register and signature (r ‖ s) together.
    #[must_use]
    pub fn new(certificate: Certificate, pcr0: Pcr, signature: [u8; SIGNATURE_BYTES]) -> Self {
        Self { certificate, pcr0, signature: signature.to_vec() }
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The register that is signed.
    #[must_use]
    pub fn pcr0(&self) -> Pcr {
        self.pcr0
    }

    /// r ‖ s.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, EifError> {
        let cose = CoseSign1 {
            protected: ProtectedHeader { original_data: None, header: protected() },
            payload: Some(payload(&self.pcr0)?),
            signature: self.signature.clone(),
            ..CoseSign1::default()
        };
        let signature = cose.to_vec().map_err(|_| EifError::Signature)?;
        let entry = Entry { signing_certificate: self.certificate.pem.clone(), signature };
        cbor::encode(&[entry]).map_err(|_| EifError::Signature)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, EifError> {
        let entries: Vec<Entry> = cbor::decode(bytes, SIGNATURE_CBOR).map_err(|_| EifError::Signature)?;
        let [entry] = <[Entry; 1]>::try_from(entries).map_err(|_| EifError::Signature)?;
        let cose = CoseSign1::from_slice(&entry.signature).map_err(|_| EifError::Signature)?;
        let es384 = RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES384);
        if cose.protected.header.alg != Some(es384) || cose.signature.len() != SIGNATURE_BYTES {
            return Err(EifError::Signature);
        }
        let payload = cose.payload.unwrap_or_default();
        let payload: Payload = cbor::decode(&payload, SIGNATURE_CBOR).map_err(|_| EifError::Signature)?;
        if payload.register_index != SIGNED_REGISTER {
            return Err(EifError::Signature);
        }
        let pcr0 = Pcr::try_from(payload.register_value.as_slice()).map_err(|_| EifError::Signature)?;
        let certificate = Certificate::from_pem(entry.signing_certificate)?;
        Ok(Self { certificate, pcr0, signature: cose.signature })
    }
}

fn protected() -> Header {
    Header { alg: Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES384)), ..Header::default() }
}

fn payload(pcr0: &Pcr) -> Result<Vec<u8>, EifError> {
    let payload = Payload { register_index: SIGNED_REGISTER, register_value: pcr0.as_bytes().to_vec() };
    cbor::encode(&payload).map_err(|_| EifError::Signature)
}
