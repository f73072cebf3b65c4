//! The signature of an image: a COSE_Sign1 over its PCR0, beside the certificate whose digest becomes PCR8.
//!
//! ES384 alone. The signature itself is made elsewhere: by a key in a file, or by one that never leaves KMS. None
//! is taken, written or read, that does not verify under its certificate.

use coset::{
    CborSerializable, CoseSign1, Header, ProtectedHeader, RegisteredLabelWithPrivate, SignatureContext, iana,
    sig_structure_data,
};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use strongroom_attestation::Pcr;
use strongroom_proto::cbor;

use crate::error::EifError;
use crate::limits::SIGNATURE_CBOR;

/// Bytes of an ES384 signature: r ‖ s.
pub const SIGNATURE_BYTES: usize = 96;

/// Bytes of a point of P-384, uncompressed: 4, x, y.
const POINT_BYTES: usize = 97;

/// How the SubjectPublicKeyInfo of every P-384 key begins (RFC 5480): `id-ecPublicKey`, `secp384r1` and the head
/// of the bit string that holds the point.
const P384_KEY: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

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

    /// The certificate's key: a point of P-384, if it has exactly one such key.
    ///
    /// Found by its fixed head, not with a verifier of chains: nothing here trusts the certificate, and one made
    /// with openssl may be X.509 version 1, which webpki does not read.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8; POINT_BYTES]> {
        let windows = self.der.windows(P384_KEY.len() + POINT_BYTES);
        let points = windows.filter_map(|window| window.strip_prefix(&P384_KEY));
        let mut points = points.filter(|point| point.first() == Some(&UNCOMPRESSED));
        match (points.next(), points.next()) {
            (Some(point), None) => point.try_into().ok(),
            _ => None,
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), EifError> {
        let point = self.public_key().ok_or(EifError::CertificateKey)?;
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
        key.verify(message, signature).map_err(|_| EifError::NotSigned)
    }
}

/// One signature of PCR0 that verifies under its certificate.
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
    ///
    /// # Errors
    /// [`EifError::CertificateKey`]; [`EifError::NotSigned`] when the signature is by another key or over other
    /// bytes than [`SignatureSection::to_be_signed`].
    pub fn new(
        certificate: Certificate,
        pcr0: Pcr,
        signature: [u8; SIGNATURE_BYTES],
    ) -> Result<Self, EifError> {
        certificate.verify(&Self::to_be_signed(&pcr0)?, &signature)?;
        Ok(Self { certificate, pcr0, signature: signature.to_vec() })
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
        // Header and payload as received, never re-encoded.
        let signed = cose.tbs_data(b"");
        let payload = cose.payload.unwrap_or_default();
        let payload: Payload = cbor::decode(&payload, SIGNATURE_CBOR).map_err(|_| EifError::Signature)?;
        if payload.register_index != SIGNED_REGISTER {
            return Err(EifError::Signature);
        }
        let pcr0 = Pcr::try_from(payload.register_value.as_slice()).map_err(|_| EifError::Signature)?;
        let certificate = Certificate::from_pem(entry.signing_certificate)?;
        certificate.verify(&signed, &cose.signature)?;
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
