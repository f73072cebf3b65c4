//! The RSA key that one KMS operation is answered to.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use zeroize::Zeroizing;

use super::{BLOCK_BYTES, CmsError, Enveloped, KEY_ID_BYTES};
use crate::error::KmsError;

/// A fresh RSA-2048 key pair. Its public half goes into the attestation document of one operation and that
/// operation's retries; then the key is dropped, which frees it in the library's own zeroizing way.
pub struct RecipientKey {
    private: OaepPrivateDecryptingKey,
    spki_der: Vec<u8>,
    key_id: [u8; KEY_ID_BYTES],
}

impl RecipientKey {
    /// Makes a key pair. Takes on the order of 0.1 s.
    ///
    /// # Errors
    /// [`KmsError::RecipientKey`] when the library cannot.
    pub fn generate() -> Result<Self, KmsError> {
        let pair = PrivateDecryptingKey::generate(KeySize::Rsa2048);
        pair.and_then(Self::from_private).map_err(|_| KmsError::RecipientKey)
    }

    pub(super) fn from_private(private: PrivateDecryptingKey) -> Result<Self, Unspecified> {
        let der: PublicKeyX509Der<'_> = private.public_key().as_der()?;
        let spki_der = der.as_ref().to_vec();
        let key_id = digest(&SHA256, &spki_der).as_ref().try_into().map_err(|_| Unspecified)?;
        Ok(Self { private: OaepPrivateDecryptingKey::new(private)?, spki_der, key_id })
    }

    /// The public key as a SubjectPublicKeyInfo in DER: the document's `public_key`.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// Opens a `CiphertextForRecipient`.
    ///
    /// # Errors
    /// [`CmsError::Malformed`] when it is not the form of KMS, [`CmsError::OtherRecipient`] when it names another key,
    /// [`CmsError::Unopened`] for every failure of decryption or padding alike.
    pub fn open(&self, ber: &[u8]) -> Result<Zeroizing<Vec<u8>>, CmsError> {
        let enveloped = Enveloped::read(ber)?;
        if enveloped.key_id != self.key_id {
            return Err(CmsError::OtherRecipient);
        }
        let cipher = self.content_cipher(enveloped.wrapped_key).map_err(|Unspecified| CmsError::Unopened)?;
        decrypt(&cipher, enveloped.iv, enveloped.content).map_err(|Unspecified| CmsError::Unopened)
    }

    /// Unwraps the AES-256 key; one of any other length is refused by the cipher.
    fn content_cipher(&self, wrapped: &[u8]) -> Result<PaddedBlockDecryptingKey, Unspecified> {
        let mut buffer = Zeroizing::new(vec![0; self.private.min_output_size()]);
        let key = self.private.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut buffer, None)?;
        PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key)?)
    }
}

fn decrypt(
    cipher: &PaddedBlockDecryptingKey,
    iv: [u8; BLOCK_BYTES],
    content: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let mut content = Zeroizing::new(content);
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let length = cipher.decrypt(&mut content, context)?.len();
    content.truncate(length);
    Ok(content)
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecipientKey(redacted)")
    }
}
