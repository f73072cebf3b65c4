//! Signature keys of owners (ES384) and of receipts (ES256), RFC 9053 section 2.1.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Which signature algorithm a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: receipts, made with every answer.
    Es256,
    /// ECDSA on P-384 with SHA-384: everything an owner signs.
    Es384,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither a P-256 nor a P-384 point in uncompressed form.
    #[error("not an uncompressed P-256 or P-384 public key")]
    Public,
    /// Not a private key of the expected algorithm.
    #[error("not a private key of the expected algorithm")]
    Private,
    /// The random source failed.
    #[error("no randomness")]
    Random,
}

/// A public key: an uncompressed point (SEC 1 section 2.3.3), 65 bytes for ES256, 97 for ES384.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "serde_bytes::ByteBuf", into = "serde_bytes::ByteBuf")]
pub struct VerifyingKey(Vec<u8>);

impl VerifyingKey {
    /// Takes an uncompressed point.
    ///
    /// # Errors
    /// [`KeyError::Public`] when length or leading byte are not those of such a point.
    pub fn new(point: &[u8]) -> Result<Self, KeyError> {
        let known = matches!(point.len(), 65 | 97) && point.first() == Some(&4);
        if known { Ok(Self(point.to_vec())) } else { Err(KeyError::Public) }
    }

    /// The algorithm the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        if self.0.len() == 65 { Algorithm::Es256 } else { Algorithm::Es384 }
    }

    /// The point's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A short name of the key: the first 16 bytes of its SHA-256.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut id = [0; KEY_ID_BYTES];
        id.iter_mut().zip(digest(&SHA256, &self.0).as_ref()).for_each(|(to, from)| *to = *from);
        KeyId(id)
    }

    /// Whether `signature` (r and s, each padded to the field's size) over `message` is this key's.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: Signature<'_>) -> bool {
        let algorithm = match self.algorithm() {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        };
        UnparsedPublicKey::new(algorithm, &self.0).verify(message, signature.0).is_ok()
    }
}

impl TryFrom<serde_bytes::ByteBuf> for VerifyingKey {
    type Error = KeyError;

    fn try_from(point: serde_bytes::ByteBuf) -> Result<Self, KeyError> {
        Self::new(&point)
    }
}

impl From<VerifyingKey> for serde_bytes::ByteBuf {
    fn from(key: VerifyingKey) -> Self {
        Self::from(key.0)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?}, {})", self.algorithm(), self.id())
    }
}

/// The bytes of a signature.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a>(pub &'a [u8]);

/// Bytes of a [`KeyId`].
pub const KEY_ID_BYTES: usize = 16;

/// Short name of a public key, for look-up and for people; never a proof of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KEY_ID_BYTES]);

impl KeyId {
    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A private signature key. `Debug` shows the public half alone.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// Draws a key and returns it with its PKCS#8 form (RFC 5958).
    ///
    /// # Errors
    /// [`KeyError::Random`] when the source fails.
    pub fn generate(
        algorithm: Algorithm,
        random: &dyn SecureRandom,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let scheme = match algorithm {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, random).map_err(|_| KeyError::Random)?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok((Self::from_pkcs8(algorithm, &pkcs8, random)?, pkcs8))
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyError::Private`] when it is not one of `algorithm`.
    pub fn from_pkcs8(
        algorithm: Algorithm,
        pkcs8: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Self, KeyError> {
        let scheme = match algorithm {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let pair = EcdsaKeyPair::from_pkcs8(scheme, pkcs8, random).map_err(|_| KeyError::Private)?;
        let public = VerifyingKey::new(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs.
    ///
    /// # Errors
    /// [`KeyError::Random`] when the source fails.
    pub fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(random, message).map_err(|_| KeyError::Random)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn keys_verify_their_own_signatures_alone() {
        let random = SystemRandom::new();
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            let (key, pkcs8) = SigningKey::generate(algorithm, &random).unwrap();
            let (other, _) = SigningKey::generate(algorithm, &random).unwrap();
            let signature = key.sign(b"message", &random).unwrap();
            assert!(key.public().verifies(b"message", Signature(&signature)));
            assert!(!key.public().verifies(b"massage", Signature(&signature)));
            assert!(!other.public().verifies(b"message", Signature(&signature)));
            let again = SigningKey::from_pkcs8(algorithm, &pkcs8, &random).unwrap();
            assert_eq!(again.public(), key.public());
            assert_eq!(key.public().algorithm(), algorithm);
        }
    }

    #[test]
    fn a_point_has_a_known_length_and_form() {
        assert_eq!(VerifyingKey::new(&[4; 64]), Err(KeyError::Public));
        assert_eq!(VerifyingKey::new(&[3; 97]), Err(KeyError::Public));
    }
}
