//! Secrets: no `Clone`, a redacting `Debug`, zeroed when dropped, exposed by a loud method.

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Bytes of every symmetric secret here.
pub const SECRET_BYTES: usize = 32;

/// Randomness could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no randomness")]
pub struct NoRandomness;

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(SecretBox<[u8; SECRET_BYTES]>);

        impl $name {
            /// Takes the bytes and zeroes the caller's copy.
            #[must_use]
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
    fn a_secret_does_not_print_and_takes_the_original() {
        let mut bytes = [7; SECRET_BYTES];
        let key = ApiKey::take(&mut bytes);
        assert_eq!(bytes, [0; SECRET_BYTES]);
        assert!(!format!("{key:?}").contains('7'));
        assert_eq!(key.expose_secret(), &[7; SECRET_BYTES]);
    }
}
