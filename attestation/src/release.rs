//! The release: which image, which models, which controls, and for how long.
//!
//! One function judges it for enclave and client alike. Numbered as in the code:
//! 1. signed as a release by a key of the charter;
//! 2. for the charter's deployment;
//! 3. names images, and models each once;
//! 4. of at least the charter's epoch;
//! 5. in force at the given time;
//! 6. lists the given image;
//! 7. names exactly these public controls.

mod bundle;
mod controls;
mod monitored;
mod private;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::MAX_CONTROLS_BYTES;
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::digest::{ControlsDigest, ModelDigest, PrivateDigest, ReleaseDigest};
use strongroom_seal::key::SigningKey;
use strongroom_seal::label;
use strongroom_seal::signed::{self, Opened, SignedError};

use crate::charter::SignedCharter;
use crate::{ImagePcrs, UnixMillis};

pub use bundle::Bundle;
pub use controls::{
    ANSWER_QUANTUM_MS, Authentication, ClaimKind, Clamp, Coarseness, Controls, Counting, Detail, Limits,
    MAX_ROLES, ModelControls, Operation, OutputKind, Payloads, Priority, Provenance, Rate, RoleControls,
    RouteControls, Telemetry, Transform, Treatment, Unlike, Watch,
};
pub use monitored::{MAX_PROFILE_BYTES, Monitored, Rules};
pub use private::{
    Condition, Ensemble, KeyEntry, MAX_KEYS, MAX_MEMBERS, MAX_RULES, Organisation, Private, RouteRule, Target,
};

/// Models of one release.
pub const MAX_MODELS: usize = 64;

/// Images that one release may allow.
pub const MAX_IMAGES: usize = 16;

/// How long a release is in force when its owner says nothing else.
pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a signed release may cost to decode.
pub const RELEASE_CBOR: Bounds = Bounds { max_bytes: 128 * 1024, max_depth: 6, max_items: 2048 };
/// What public controls may cost to decode. The deepest is a dimension of an interface that is stated of a model: nine.
pub const CONTROLS_CBOR: Bounds = Bounds { max_bytes: MAX_CONTROLS_BYTES, max_depth: 9, max_items: 32_768 };

/// A model of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedModel {
    /// Name and version.
    pub id: PackageId,
    /// Digest of its manifest.
    pub digest: ModelDigest,
}

/// What an owner releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The deployment it is for.
    pub deployment: Name,
    /// Counts up; within a boot an enclave never goes back.
    pub epoch: u64,
    /// In force from.
    pub not_before: UnixMillis,
    /// In force until, exclusive.
    pub not_after: UnixMillis,
    /// Images that may serve it.
    pub images: Vec<ImagePcrs>,
    /// Models it serves.
    pub models: Vec<ReleasedModel>,
    /// Digest of its public controls.
    pub controls: ControlsDigest,
    /// Digest of its private part.
    pub private: PrivateDigest,
}

/// Why a release was refused, by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Not a bundle of release, controls and private part.
    #[error("not a release bundle")]
    Bundle,
    /// Step 1: not signed by a key of the charter.
    #[error("release: {0}")]
    Signature(#[from] SignedError),
    /// Step 1: signed, but not a release.
    #[error("release does not hold the fields of a release")]
    Shape,
    /// Step 2: of another deployment.
    #[error("release is for another deployment")]
    Deployment,
    /// Step 3: contradicts itself.
    #[error("release names {0}")]
    Sense(&'static str),
    /// Step 4: below the charter's floor.
    #[error("release has epoch {epoch}, the least accepted is {least}")]
    Epoch {
        /// The release's.
        epoch: u64,
        /// The floor.
        least: u64,
    },
    /// Step 5: not yet in force.
    #[error("release is not in force yet")]
    NotYet,
    /// Step 5: no longer in force.
    #[error("release has expired")]
    Expired,
    /// Step 6: does not list the image.
    #[error("release does not list this image")]
    Image {
        /// The release's epoch.
        epoch: u64,
    },
    /// Step 7: other controls than the release names.
    #[error("controls are not the ones that the release names")]
    Controls,
    /// Step 7: the named bytes are not controls.
    #[error("controls do not hold the fields of controls")]
    ControlsShape,
    /// Step 7: they are controls, and contradict themselves.
    #[error("controls state {0}")]
    ControlsSense(&'static str),
    /// The private part does not fit the controls.
    #[error("private part states {0}")]
    Private(&'static str),
}

/// What a release is judged against.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseContext<'a> {
    /// The deployment's charter.
    pub charter: &'a SignedCharter,
    /// The image that serves it.
    pub image: &'a ImagePcrs,
    /// The time.
    pub now: UnixMillis,
}

/// A signed release beside the public controls that came with it, both as received.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseBytes<'a> {
    /// COSE_Sign1 of the release.
    pub release: &'a [u8],
    /// Public controls.
    pub controls: &'a [u8],
}

/// A release that passed every step. The only constructor is [`AcceptedRelease::judge`].
#[derive(Clone, Debug)]
pub struct AcceptedRelease {
    release: Release,
    digest: ReleaseDigest,
    controls: Controls,
}

impl Release {
    /// Signs the release.
    ///
    /// # Errors
    /// [`ReleaseError::Sense`] when it contradicts itself, [`ReleaseError::Signature`] when signing fails.
    pub fn sign(&self, key: &SigningKey, random: &dyn SecureRandom) -> Result<Vec<u8>, ReleaseError> {
        self.check()?;
        let payload = cbor::encode_canonical(self).map_err(|_| ReleaseError::Shape)?;
        Ok(signed::sign(label::RELEASE, payload, key, random)?)
    }

    fn check(&self) -> Result<(), ReleaseError> {
        if !(1..=MAX_IMAGES).contains(&self.images.len()) {
            return Err(ReleaseError::Sense("no images or too many"));
        }
        if self
            .images
            .iter()
            .any(|image| image.pcr0.is_zero() || image.pcr1.is_zero() || image.pcr2.is_zero())
        {
            return Err(ReleaseError::Sense("a debug image"));
        }
        if !(1..=MAX_MODELS).contains(&self.models.len()) {
            return Err(ReleaseError::Sense("no models or too many"));
        }
        let twice = |(at, model): (usize, &ReleasedModel)| {
            self.models.iter().take(at).any(|earlier| earlier.id == model.id)
        };
        if self.models.iter().enumerate().any(twice) {
            return Err(ReleaseError::Sense("one model twice"));
        }
        let ordered = self.epoch > 0 && self.not_before < self.not_after;
        if ordered { Ok(()) } else { Err(ReleaseError::Sense("epoch 0 or an empty time of validity")) }
    }
}

impl AcceptedRelease {
    /// Judges a release; see the module's first lines for the steps.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn judge(bytes: ReleaseBytes<'_>, context: ReleaseContext<'_>) -> Result<Self, ReleaseError> {
        let opened = Self::open(bytes.release, context.charter)?;
        Self::judge_opened(&opened, bytes, context)
    }

    /// Step 1: the document is a release that a key of the charter signed.
    // 1
    pub(crate) fn open(document: &[u8], charter: &SignedCharter) -> Result<Opened, ReleaseError> {
        Ok(signed::open(label::RELEASE, document, &charter.charter().keys, RELEASE_CBOR)?)
    }

    /// All further steps. `opened` is what [`Self::open`] made of these bytes under this charter.
    pub(crate) fn judge_opened(
        opened: &Opened,
        bytes: ReleaseBytes<'_>,
        context: ReleaseContext<'_>,
    ) -> Result<Self, ReleaseError> {
        let charter = context.charter.charter();
        let release: Release =
            cbor::decode(opened.payload(), RELEASE_CBOR).map_err(|_| ReleaseError::Shape)?;
        // 2
        if release.deployment != charter.deployment {
            return Err(ReleaseError::Deployment);
        }
        // 3
        release.check()?;
        // 4
        if release.epoch < charter.least_epoch {
            return Err(ReleaseError::Epoch { epoch: release.epoch, least: charter.least_epoch });
        }
        let digest = ReleaseDigest::of(bytes.release);
        let controls = Self::judge_in_context(&release, bytes.controls, context)?;
        Ok(Self { release, digest, controls })
    }

    fn judge_in_context(
        release: &Release,
        controls: &[u8],
        context: ReleaseContext<'_>,
    ) -> Result<Controls, ReleaseError> {
        // 5
        release.in_force(context.now)?;
        // 6
        if !release.images.contains(context.image) {
            return Err(ReleaseError::Image { epoch: release.epoch });
        }
        // 7
        if ControlsDigest::of(controls) != release.controls {
            return Err(ReleaseError::Controls);
        }
        decode_controls(controls)
    }

    /// What it says.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> ReleaseDigest {
        self.digest
    }

    /// Its public controls.
    #[must_use]
    pub fn controls(&self) -> &Controls {
        &self.controls
    }
}

impl Release {
    /// Whether the release is in force at `now`.
    ///
    /// # Errors
    /// [`ReleaseError::NotYet`] or [`ReleaseError::Expired`].
    pub fn in_force(&self, now: UnixMillis) -> Result<(), ReleaseError> {
        if now < self.not_before {
            return Err(ReleaseError::NotYet);
        }
        if now < self.not_after { Ok(()) } else { Err(ReleaseError::Expired) }
    }
}

/// Reads public controls and checks that they make sense.
///
/// # Errors
/// [`ReleaseError::ControlsShape`] or [`ReleaseError::ControlsSense`].
pub fn decode_controls(bytes: &[u8]) -> Result<Controls, ReleaseError> {
    let controls: Controls = cbor::decode(bytes, CONTROLS_CBOR).map_err(|_| ReleaseError::ControlsShape)?;
    controls.check()?;
    Ok(controls)
}

/// Encodes public controls as they are hashed and sent.
///
/// # Errors
/// [`ReleaseError::ControlsSense`], or [`ReleaseError::ControlsShape`] when they do not fit their bound.
pub fn encode_controls(controls: &Controls) -> Result<Vec<u8>, ReleaseError> {
    controls.check()?;
    let bytes = cbor::encode_canonical(controls).map_err(|_| ReleaseError::ControlsShape)?;
    match cbor::scan(&bytes, CONTROLS_CBOR) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(ReleaseError::ControlsShape),
    }
}
