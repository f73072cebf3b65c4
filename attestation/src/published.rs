//! Published measurements: which images an owner says that clients should expect.
//!
//! A signed document beside the images. Two releases stand side by side in it while one is replaced by the other.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::name::Name;
use strongroom_seal::key::{SigningKey, VerifyingKey};
use strongroom_seal::label;
use strongroom_seal::signed::{self, SignedError};

use crate::ImagePcrs;
use crate::limits::{MAX_PUBLISHED, MAX_PUBLISHED_BYTES};

const PUBLISHED_CBOR: Bounds = Bounds { max_bytes: MAX_PUBLISHED_BYTES, max_depth: 5, max_items: 512 };

/// One image and the name under which it was released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedImage {
    /// Its version, for people.
    pub version: Name,
    /// Its measurements.
    pub image: ImagePcrs,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedMeasurements {
    /// The deployment whose clients should expect them.
    pub deployment: Name,
    /// The images, the newest last.
    pub images: Vec<PublishedImage>,
}

/// Why published measurements were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// Not signed as measurements by an accepted key.
    #[error("measurements: {0}")]
    Signature(#[from] SignedError),
    /// Signed, but not measurements.
    #[error("the document does not hold the fields of measurements")]
    Shape,
    /// Of another deployment.
    #[error("the measurements are for another deployment")]
    Deployment,
    /// None, too many, or those of a debug image.
    #[error("the measurements name {0}")]
    Sense(&'static str),
}

impl PublishedMeasurements {
    /// Signs the document.
    ///
    /// # Errors
    /// [`PublishedError::Sense`] when it contradicts itself, [`PublishedError::Signature`] when signing fails.
    pub fn sign(&self, key: &SigningKey, random: &dyn SecureRandom) -> Result<Vec<u8>, PublishedError> {
        self.check()?;
        let payload = cbor::encode_canonical(self).map_err(|_| PublishedError::Shape)?;
        Ok(signed::sign(label::MEASUREMENTS, payload, key, random)?)
    }

    /// Reads a document that one of `keys` signed for `deployment`.
    ///
    /// # Errors
    /// The first of [`PublishedError`] in the order signature, shape, deployment, sense.
    pub fn open(document: &[u8], keys: &[VerifyingKey], deployment: &Name) -> Result<Self, PublishedError> {
        let opened = signed::open(label::MEASUREMENTS, document, keys, PUBLISHED_CBOR)?;
        let published: Self =
            cbor::decode(opened.payload(), PUBLISHED_CBOR).map_err(|_| PublishedError::Shape)?;
        if published.deployment != *deployment {
            return Err(PublishedError::Deployment);
        }
        published.check().map(|()| published)
    }

    fn check(&self) -> Result<(), PublishedError> {
        if !(1..=MAX_PUBLISHED).contains(&self.images.len()) {
            return Err(PublishedError::Sense("no image or too many"));
        }
        let debug = |image: &ImagePcrs| image.pcr0.is_zero() || image.pcr1.is_zero() || image.pcr2.is_zero();
        if self.images.iter().any(|published| debug(&published.image)) {
            return Err(PublishedError::Sense("a debug image"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use strongroom_seal::key::Algorithm;

    use super::*;
    use crate::Pcr;

    fn image(byte: u8) -> PublishedImage {
        let pcr = Pcr::new([byte; 48]);
        PublishedImage { version: "1".parse().unwrap(), image: ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr } }
    }

    fn published(images: Vec<PublishedImage>) -> PublishedMeasurements {
        PublishedMeasurements { deployment: "fraud-eu".parse().unwrap(), images }
    }

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es384, &SystemRandom::new()).unwrap().0
    }

    #[test]
    fn two_releases_stand_side_by_side() {
        let (key, random) = (key(), SystemRandom::new());
        let both = published(vec![image(1), image(2)]);
        let document = both.sign(&key, &random).unwrap();
        let opened = PublishedMeasurements::open(&document, &[key.public().clone()], &both.deployment);
        assert_eq!(opened, Ok(both));
    }

    #[test]
    fn other_signers_deployments_and_purposes_are_refused() {
        let (owner, random) = (key(), SystemRandom::new());
        let one = published(vec![image(1)]);
        let document = one.sign(&owner, &random).unwrap();
        let keys = [owner.public().clone()];
        let open = |document: &[u8], keys: &[VerifyingKey], deployment: &str| {
            PublishedMeasurements::open(document, keys, &deployment.parse().unwrap()).unwrap_err()
        };
        assert_eq!(open(&document, &[key().public().clone()], "fraud-eu"), SignedError::Signer.into());
        assert_eq!(open(&document, &keys, "fraud-us"), PublishedError::Deployment);
        let payload = cbor::encode_canonical(&one).unwrap();
        let release = signed::sign(label::RELEASE, payload, &owner, &random).unwrap();
        assert_eq!(open(&release, &keys, "fraud-eu"), SignedError::Purpose.into());
        let nothing = signed::sign(label::MEASUREMENTS, vec![0xa0], &owner, &random).unwrap();
        assert_eq!(open(&nothing, &keys, "fraud-eu"), PublishedError::Shape);
    }

    #[test]
    fn nothing_too_much_and_debug_images_are_not_published() {
        let sign = |images| published(images).sign(&key(), &SystemRandom::new()).unwrap_err();
        assert_eq!(sign(vec![]), PublishedError::Sense("no image or too many"));
        assert_eq!(sign(vec![image(1); 17]), PublishedError::Sense("no image or too many"));
        assert_eq!(sign(vec![image(0)]), PublishedError::Sense("a debug image"));
    }
}
