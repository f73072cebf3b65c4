//! The owner's audit key: X-Wing, as the channel's.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::AuditError;
use crate::channel::OfferKey;
use crate::claims::CHANNEL_KEY_BYTES;

/// Bytes of the private half's seed.
const SEED_BYTES: usize = 32;

/// The public half: whoever holds it can seal a log, and read none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_bytes::ByteBuf", into = "serde_bytes::ByteBuf")]
pub struct AuditPublicKey(Vec<u8>);

/// The private half, on the owner's machine alone. No `Clone`, no `Debug`.
pub struct AuditPrivateKey {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    pub(crate) pair: OfferKey,
}

impl AuditPublicKey {
    /// Takes an X-Wing public key.
    ///
    /// # Errors
    /// [`AuditError::Key`] for another number of bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, AuditError> {
        if bytes.len() == CHANNEL_KEY_BYTES { Ok(Self(bytes.to_vec())) } else { Err(AuditError::Key) }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AuditPrivateKey {
    /// Draws a key.
    ///
    /// # Errors
    /// [`AuditError::Random`] when the source fails.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, AuditError> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        random.fill(seed.as_mut()).map_err(|_| AuditError::Random)?;
        Ok(Self::from_seed(seed))
    }

    /// The key that 32 random bytes stand for.
    #[must_use]
    pub fn from_seed(seed: Zeroizing<[u8; SEED_BYTES]>) -> Self {
        let pair = OfferKey::from_seed(&seed);
        Self { seed, pair }
    }

    /// The bytes it stands for, to be kept in a file for its owner's eyes alone.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; SEED_BYTES] {
        &self.seed
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> AuditPublicKey {
        AuditPublicKey(self.pair.public().to_vec())
    }
}

impl TryFrom<serde_bytes::ByteBuf> for AuditPublicKey {
    type Error = AuditError;

    fn try_from(bytes: serde_bytes::ByteBuf) -> Result<Self, AuditError> {
        Self::new(&bytes)
    }
}

impl From<AuditPublicKey> for serde_bytes::ByteBuf {
    fn from(key: AuditPublicKey) -> Self {
        Self::from(key.0)
    }
}
