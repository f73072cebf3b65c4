//! Secrets: no `Clone`, a redacting `Debug`, zeroed when dropped, exposed by a loud method.
//!
//! What libraries do with a secret they do on the stack, and leave it there. [`wipe_stack`] is for that.

use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA384, KeyType, Salt};
use ring::rand::SecureRandom;
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

use crate::label::{self, Label};
use crate::record::{RecordError, RecordKey};

/// Bytes of every symmetric secret here.
pub const SECRET_BYTES: usize = 32;

/// Randomness could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no randomness")]
pub struct NoRandomness;

/// Bytes of the stack that are wiped: more than the functions use that are handed a key.
const WIPED_STACK_BYTES: usize = 32 * 1024;

/// Overwrites what functions that have returned to the caller left on the stack below it.
///
/// # Security
/// Call it where a key was expanded or derived, from a function that held no copy of the key itself: its own part of the
/// stack is not reached. A function that the compiler may take into its caller has to be kept out of it.
#[inline(never)]
pub fn wipe_stack() {
    // Handed to somebody who might look, or there would be nothing to overwrite it for.
    std::hint::black_box(&mut [0_u8; WIPED_STACK_BYTES]);
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(SecretBox<[u8; SECRET_BYTES]>);

        impl $name {
            /// Takes the bytes and zeroes the caller's copy.
            #[must_use]
            #[inline(never)]
            pub fn take(bytes: &mut [u8; SECRET_BYTES]) -> Self {
                let secret = Self(SecretBox::new(Box::new(*bytes)));
                bytes.zeroize();
                secret
            }

            /// Draws a fresh secret.
            ///
            /// # Errors
            /// [`NoRandomness`] when the source fails.
            pub fn generate(random: &dyn SecureRandom) -> Result<Self, NoRandomness> {
                let mut bytes = [0; SECRET_BYTES];
                random.fill(&mut bytes).map_err(|_| NoRandomness)?;
                Ok(Self::take(&mut bytes))
            }

            /// The secret itself. Say at the call why it is needed.
            #[must_use]
            pub fn expose_secret(&self) -> &[u8; SECRET_BYTES] {
                self.0.expose_secret()
            }
        }
    )*};
}

secrets! {
    /// Encrypts one package; made by KMS, released to an attested enclave alone.
    DataKey;
    /// What a client shows the enclave to be served: 256 random bits.
    ApiKey;
    /// Seals what an enclave leaves to its next boot. Stands in the private part of a release, which KMS
    /// releases to an attested enclave alone.
    StateKey;
    /// Behind the smooth noise of one model.
    FieldKey;
    /// Behind the watermark of one model.
    WatermarkKey;
}

/// HKDF-SHA384 (RFC 5869) of a secret: `info` is the label, a zero byte and what the key is for.
fn derive(secret: &[u8; SECRET_BYTES], label: Label, purpose: &[u8]) -> Result<[u8; SECRET_BYTES], NoKey> {
    let derived = expand(secret, label, purpose);
    wipe_stack();
    derived
}

#[inline(never)]
fn expand(secret: &[u8; SECRET_BYTES], label: Label, purpose: &[u8]) -> Result<[u8; SECRET_BYTES], NoKey> {
    struct Bytes;
    impl KeyType for Bytes {
        fn len(&self) -> usize {
            SECRET_BYTES
        }
    }
    let info = [label.text().as_bytes(), &[0], purpose];
    let mut key = [0; SECRET_BYTES];
    let expanded = Salt::new(HKDF_SHA384, &[]).extract(secret);
    expanded.expand(&info, Bytes).and_then(|okm| okm.fill(&mut key)).map_err(|_| NoKey)?;
    Ok(key)
}

/// A key could not be derived, which the lengths in use do not cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key could be derived")]
pub struct NoKey;

impl DataKey {
    /// The key behind the noise of the model that this key encrypts: the same for every boot of one package.
    ///
    /// # Errors
    /// [`NoKey`], which 32 bytes do not cause.
    pub fn field_key(&self) -> Result<FieldKey, NoKey> {
        Ok(FieldKey::take(&mut derive(self.expose_secret(), label::FIELD, &[])?))
    }

    /// The key behind the watermark of the model that this key encrypts: the same for every boot of one package.
    ///
    /// # Errors
    /// [`NoKey`], which 32 bytes do not cause.
    pub fn watermark_key(&self) -> Result<WatermarkKey, NoKey> {
        Ok(WatermarkKey::take(&mut derive(self.expose_secret(), label::WATERMARK, &[])?))
    }
}

impl FieldKey {
    /// Bytes for one purpose of the noise, the same whenever they are asked for.
    ///
    /// # Errors
    /// [`NoKey`], which 32 bytes do not cause.
    pub fn seed(&self, purpose: &[u8]) -> Result<[u8; SECRET_BYTES], NoKey> {
        derive(self.expose_secret(), label::FIELD, purpose)
    }
}

impl WatermarkKey {
    /// Bytes for one purpose of the watermark, the same whenever they are asked for.
    ///
    /// # Errors
    /// [`NoKey`], which 32 bytes do not cause.
    pub fn seed(&self, purpose: &[u8]) -> Result<[u8; SECRET_BYTES], NoKey> {
        derive(self.expose_secret(), label::WATERMARK, purpose)
    }
}

impl StateKey {
    /// The key of the state that one boot leaves.
    ///
    /// # Errors
    /// [`RecordError::NotAuthentic`], which 32 bytes do not cause.
    pub fn record_key(&self, boot: &[u8; 16]) -> Result<RecordKey, RecordError> {
        let derived = derive(self.expose_secret(), label::STATE, boot);
        RecordKey::take(&mut derived.map_err(|_| RecordError::NotAuthentic)?)
    }
}

impl Serialize for StateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.expose_secret())
    }
}

impl<'de> Deserialize<'de> for StateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes: [u8; SECRET_BYTES] = serde_bytes::deserialize(deserializer)?;
        Ok(Self::take(&mut bytes))
    }
}

impl ApiKey {
    /// The digest by which the owner's policy names the key.
    #[must_use]
    pub fn digest(&self) -> ApiKeyDigest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.expose_secret()).as_ref());
        ApiKeyDigest(bytes)
    }
}

/// SHA-256 of an API key. Not a secret worth zeroing: the key has 256 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyDigest(#[serde(with = "serde_bytes")] [u8; 32]);

impl ApiKeyDigest {
    /// The digest's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes a digest's bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_keys_differ_by_secret_and_purpose() {
        let key = |byte: u8| DataKey::take(&mut [byte; SECRET_BYTES]).field_key().unwrap();
        assert_eq!(key(1).seed(b"a"), key(1).seed(b"a"));
        assert_ne!(key(1).seed(b"a"), key(1).seed(b"b"));
        assert_ne!(key(1).seed(b"a"), key(2).seed(b"a"));
    }

    #[test]
    fn a_secret_does_not_print_and_takes_the_original() {
        let mut bytes = [7; SECRET_BYTES];
        let key = ApiKey::take(&mut bytes);
        assert_eq!(bytes, [0; SECRET_BYTES]);
        assert!(!format!("{key:?}").contains('7'));
        assert_eq!(key.expose_secret(), &[7; SECRET_BYTES]);
    }
}
