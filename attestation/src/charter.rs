//! The charter: what an owner fixes for a deployment before any enclave runs.
//!
//! It is public. The enclave extends PCR16 with its digest before the first KMS call, the key policy
//! pins that PCR, and every client recomputes it from the bytes.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::MAX_CHARTER_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::digest::CharterDigest;
use strongroom_seal::key::{Algorithm, KeyId, SigningKey, VerifyingKey};
use strongroom_seal::label;
use strongroom_seal::signed::{self, SignedError};

use crate::Pcr;

/// Signing keys that a charter may name.
pub const MAX_CHARTER_KEYS: usize = 8;

/// KMS keys that a charter may name.
pub const MAX_KMS_KEYS: usize = 8;

const CHARTER_CBOR: Bounds = Bounds { max_bytes: MAX_CHARTER_BYTES, max_depth: 6, max_items: 64 };

/// What the owner fixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// Names the deployment; every other signed document repeats it.
    pub deployment: Name,
    /// Keys whose signature the deployment accepts; any one of them suffices.
    pub keys: Vec<VerifyingKey>,
    /// AWS region of the KMS keys.
    pub region: Name,
    /// ARNs of the KMS keys that may wrap data keys. Never aliases.
    pub kms_keys: Vec<String>,
    /// Lowest epoch of a release that is ever accepted.
    pub least_epoch: u64,
}

/// Why a charter was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// Not signed by one of its own keys.
    #[error("charter: {0}")]
    Signature(#[from] SignedError),
    /// Signed, but not a charter.
    #[error("charter does not hold the fields of a charter")]
    Shape,
    /// Signed, but contradicts itself.
    #[error("charter names {0}")]
    Sense(&'static str),
}

/// A charter with the bytes it arrived in, signed by one of the keys it names.
///
/// That alone proves nothing about whose it is: compare its digest, or its signer, with a demand.
#[derive(Clone, Debug)]
pub struct SignedCharter {
    charter: Charter,
    digest: CharterDigest,
    signer: KeyId,
    document: Vec<u8>,
}

impl Charter {
    /// Signs the charter.
    ///
    /// # Errors
    /// [`CharterError::Sense`] when it contradicts itself or lacks the signer, [`CharterError::Signature`].
    pub fn sign(&self, key: &SigningKey, random: &dyn SecureRandom) -> Result<Vec<u8>, CharterError> {
        self.check()?;
        if !self.keys.contains(key.public()) {
            return Err(CharterError::Sense("other keys than the one that signs it"));
        }
        let payload = cbor::encode_canonical(self).map_err(|_| CharterError::Shape)?;
        Ok(signed::sign(label::CHARTER, payload, key, random)?)
    }

    fn check(&self) -> Result<(), CharterError> {
        let es384 = self.keys.iter().all(|key| key.algorithm() == Algorithm::Es384);
        if !es384 || !(1..=MAX_CHARTER_KEYS).contains(&self.keys.len()) {
            return Err(CharterError::Sense("no signing keys, too many, or one that is not P-384"));
        }
        let own = |arn: &String| is_key_arn(arn, self.region.as_str());
        if !self.kms_keys.iter().all(own) || !(1..=MAX_KMS_KEYS).contains(&self.kms_keys.len()) {
            return Err(CharterError::Sense("no KMS keys, too many, an alias, or a key of another region"));
        }
        Ok(())
    }
}

impl SignedCharter {
    /// Reads a charter and verifies that one of its own keys signed it.
    ///
    /// # Errors
    /// See [`CharterError`].
    pub fn open(document: &[u8]) -> Result<Self, CharterError> {
        let claimed = signed::dangerous_unverified_payload(label::CHARTER, document, CHARTER_CBOR)?;
        let charter: Charter = cbor::decode(&claimed, CHARTER_CBOR).map_err(|_| CharterError::Shape)?;
        charter.check()?;
        let opened = signed::open(label::CHARTER, document, &charter.keys, CHARTER_CBOR)?;
        let digest = CharterDigest::of(document);
        Ok(Self { charter, digest, signer: opened.signer(), document: document.to_vec() })
    }

    /// What it says.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> CharterDigest {
        self.digest
    }

    /// Which of its keys signed it.
    #[must_use]
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// Its bytes as received.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// What PCR16 holds in an enclave that took this charter.
    #[must_use]
    pub fn pcr16(&self) -> Pcr {
        Pcr::ZERO.extend(self.digest.as_bytes())
    }
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, AWS's form of a key ARN.
fn is_key_arn(arn: &str, region: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (head, partition, service, at, account, key) = (next(), next(), next(), next(), next(), next());
    let id = key.strip_prefix("key/").unwrap_or_default();
    head == "arn"
        && partition.starts_with("aws")
        && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && service == "kms"
        && at == region
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es384, &SystemRandom::new()).unwrap().0
    }

    fn charter(key: &SigningKey) -> Charter {
        Charter {
            deployment: "d".parse().unwrap(),
            keys: vec![key.public().clone()],
            region: "eu-west-1".parse().unwrap(),
            kms_keys: vec!["arn:aws:kms:eu-west-1:111122223333:key/1234-ab".into()],
            least_epoch: 1,
        }
    }

    #[test]
    fn a_charter_opens_and_fixes_pcr16() {
        let key = key();
        let document = charter(&key).sign(&key, &SystemRandom::new()).unwrap();
        let open = SignedCharter::open(&document).unwrap();
        assert_eq!(open.charter(), &charter(&key));
        assert_eq!(open.signer(), key.public().id());
        assert_eq!(open.pcr16(), Pcr::ZERO.extend(CharterDigest::of(&document).as_bytes()));
    }

    #[test]
    fn a_charter_of_another_signer_is_refused() {
        let (key, other) = (key(), key());
        let random = SystemRandom::new();
        assert!(matches!(charter(&key).sign(&other, &random), Err(CharterError::Sense(_))));
        let payload = cbor::encode_canonical(&charter(&key)).unwrap();
        let forged = signed::sign(label::CHARTER, payload, &other, &random).unwrap();
        assert_eq!(SignedCharter::open(&forged).unwrap_err(), CharterError::Signature(SignedError::Signer));
    }

    #[test]
    fn aliases_and_foreign_regions_are_refused() {
        let key = key();
        for arn in [
            "arn:aws:kms:eu-west-1:111122223333:alias/mine",
            "arn:aws:kms:us-east-1:111122223333:key/1234",
            "arn:aws:s3:eu-west-1:111122223333:key/1234",
            "arn:aws:kms:eu-west-1:1111:key/1234",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "1234",
        ] {
            let charter = Charter { kms_keys: vec![arn.into()], ..charter(&key) };
            let refused = charter.sign(&key, &SystemRandom::new());
            assert!(matches!(refused, Err(CharterError::Sense(_))), "{arn}");
        }
        let none = Charter { keys: vec![], ..charter(&key) };
        assert!(matches!(none.check(), Err(CharterError::Sense(_))));
    }
}
