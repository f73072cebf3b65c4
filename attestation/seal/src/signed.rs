//! Documents signed by an owner or an enclave: COSE_Sign1 (RFC 9052 section 4.2) with a type label.
//!
//! The label stands in the protected header as content type, so nothing signed for one purpose is
//! accepted for another. Verification takes the protected bytes as received.

use coset::iana::Algorithm as CoseAlgorithm;
use coset::{
    CborSerializable, ContentType, CoseSign1, CoseSign1Builder, HeaderBuilder, RegisteredLabelWithPrivate,
};
use ring::rand::SecureRandom;
use strongroom_proto::cbor::{self, Bounds};

use crate::key::{Algorithm, KeyId, Signature, SigningKey, VerifyingKey};
use crate::label::Label;

/// Why a signed document was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not a COSE_Sign1 of the one accepted form.
    #[error("not a signed document")]
    Malformed,
    /// Signed for another purpose.
    #[error("signed for another purpose")]
    Purpose,
    /// Signed by a key that is not among the accepted ones.
    #[error("signed by a key that is not accepted")]
    Signer,
    /// The signature does not verify.
    #[error("signature does not verify")]
    Signature,
    /// The key could not sign.
    #[error("could not sign")]
    Sign,
}

/// A payload whose signature has been verified.
#[derive(Clone, Debug)]
pub struct Opened {
    payload: Vec<u8>,
    signer: KeyId,
}

impl Opened {
    /// The payload's bytes as signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Which of the accepted keys signed.
    #[must_use]
    pub fn signer(&self) -> KeyId {
        self.signer
    }
}

/// Signs `payload` for the purpose `label`.
///
/// # Errors
/// [`SignedError::Sign`] when the key or the random source fails.
pub fn sign(
    label: Label,
    payload: Vec<u8>,
    key: &SigningKey,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, SignedError> {
    let protected = HeaderBuilder::new()
        .algorithm(cose_algorithm(key.public()))
        .content_type(label.text().to_owned())
        .key_id(key.public().id().as_bytes().to_vec())
        .build();
    CoseSign1Builder::new()
        .protected(protected)
        .payload(payload)
        .try_create_signature(&[], |message| key.sign(message, random))
        .map_err(|_| SignedError::Sign)?
        .build()
        .to_vec()
        .map_err(|_| SignedError::Sign)
}

/// Verifies that `document` was signed for the purpose `label` by one of `keys`.
///
/// # Errors
/// The first of [`SignedError`] in the order form, purpose, signer, signature.
pub fn open(
    label: Label,
    document: &[u8],
    keys: &[VerifyingKey],
    bounds: Bounds,
) -> Result<Opened, SignedError> {
    let sign1 = parse(label, document, bounds)?;
    let named = |key: &&VerifyingKey| key.id().as_bytes() == sign1.protected.header.key_id.as_slice();
    let key = keys.iter().find(named).ok_or(SignedError::Signer)?;
    let algorithm = RegisteredLabelWithPrivate::Assigned(cose_algorithm(key));
    if sign1.protected.header.alg != Some(algorithm) {
        return Err(SignedError::Signer);
    }
    if !key.verifies(&sign1.tbs_data(&[]), Signature(&sign1.signature)) {
        return Err(SignedError::Signature);
    }
    let payload = sign1.payload.ok_or(SignedError::Malformed)?;
    Ok(Opened { payload, signer: key.id() })
}

/// The payload of a document nobody has verified. For documents that carry their own keys, and for
/// display with a warning.
///
/// # Errors
/// [`SignedError::Malformed`] or [`SignedError::Purpose`].
pub fn dangerous_unverified_payload(
    label: Label,
    document: &[u8],
    bounds: Bounds,
) -> Result<Vec<u8>, SignedError> {
    parse(label, document, bounds)?.payload.ok_or(SignedError::Malformed)
}

fn parse(label: Label, document: &[u8], bounds: Bounds) -> Result<CoseSign1, SignedError> {
    cbor::scan(document, bounds).map_err(|_| SignedError::Malformed)?;
    let sign1 = CoseSign1::from_slice(document).map_err(|_| SignedError::Malformed)?;
    let header = &sign1.protected.header;
    let more = !header.crit.is_empty()
        || !header.rest.is_empty()
        || !header.iv.is_empty()
        || !header.partial_iv.is_empty()
        || !header.counter_signatures.is_empty();
    if !sign1.unprotected.is_empty() || more {
        return Err(SignedError::Malformed);
    }
    match &header.content_type {
        Some(ContentType::Text(text)) if text == label.text() => Ok(sign1),
        _ => Err(SignedError::Purpose),
    }
}

fn cose_algorithm(key: &VerifyingKey) -> CoseAlgorithm {
    match key.algorithm() {
        Algorithm::Es256 => CoseAlgorithm::ES256,
        Algorithm::Es384 => CoseAlgorithm::ES384,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    use super::*;
    use crate::label;
    use crate::limits::DOCUMENT_CBOR;

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es384, &SystemRandom::new()).unwrap().0
    }

    #[test]
    fn a_document_opens_for_its_purpose_and_signer() {
        let (key, other) = (key(), key());
        let document = sign(label::CHARTER, b"payload".to_vec(), &key, &SystemRandom::new()).unwrap();
        let open = |label, keys: &[VerifyingKey]| open(label, &document, keys, DOCUMENT_CBOR);
        let opened = open(label::CHARTER, &[other.public().clone(), key.public().clone()]).unwrap();
        assert_eq!((opened.payload(), opened.signer()), (b"payload".as_slice(), key.public().id()));
        assert_eq!(open(label::RELEASE, &[key.public().clone()]).unwrap_err(), SignedError::Purpose);
        assert_eq!(open(label::CHARTER, &[other.public().clone()]).unwrap_err(), SignedError::Signer);
    }

    #[test]
    fn a_header_holds_nothing_else() {
        let key = key();
        let signed = |header: HeaderBuilder| {
            let header =
                header.content_type(label::CHARTER.text().to_owned()).algorithm(CoseAlgorithm::ES384);
            let header = header.key_id(key.public().id().as_bytes().to_vec());
            let sign = |bytes: &[u8]| key.sign(bytes, &SystemRandom::new()).unwrap();
            let document = CoseSign1Builder::new().protected(header.build()).payload(b"p".to_vec());
            let document = document.create_signature(&[], sign).build().to_vec().unwrap();
            open(label::CHARTER, &document, &[key.public().clone()], DOCUMENT_CBOR).map(|_| ())
        };
        let header = HeaderBuilder::new;
        assert_eq!(signed(header()), Ok(()));
        let counter = coset::CoseSignatureBuilder::new().build();
        for more in [
            header().iv(vec![1]),
            header().partial_iv(vec![1]),
            header().add_counter_signature(counter),
            header().add_critical(coset::iana::HeaderParameter::Kid),
            header().value(99, 1.into()),
        ] {
            assert_eq!(signed(more), Err(SignedError::Malformed));
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let key = key();
        let document = sign(label::CHARTER, b"payload".to_vec(), &key, &SystemRandom::new()).unwrap();
        let keys = [key.public().clone()];
        for position in 0..document.len() {
            let mut changed = document.clone();
            changed[position] ^= 1;
            assert!(open(label::CHARTER, &changed, &keys, DOCUMENT_CBOR).is_err(), "byte {position}");
            let cut = &document[..position];
            assert!(open(label::CHARTER, cut, &keys, DOCUMENT_CBOR).is_err(), "cut {position}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            prop_assert!(open(label::CHARTER, &bytes, &[], DOCUMENT_CBOR).is_err());
        }
    }
}
