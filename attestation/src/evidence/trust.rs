//! What a client demands. An empty demand is an error, never "anything goes".

use std::sync::Arc;
use std::time::Duration;

use strongroom_seal::digest::{CharterDigest, ControlsDigest};
use strongroom_seal::key::VerifyingKey;

use super::Requirement;
use super::seen::Seen;
use crate::ImagePcrs;
use crate::release::ReleasedModel;

/// The demands of one client.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(super) images: Vec<ImagePcrs>,
    pub(super) charter: CharterDemand,
    pub(super) least_epoch: u64,
    pub(super) models: ModelDemand,
    pub(super) controls: ControlsDemand,
    pub(super) max_age: Duration,
    pub(super) seen: Arc<Seen>,
}

/// Whose deployment it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CharterDemand {
    /// Exactly this charter.
    Exactly(CharterDigest),
    /// Any charter that one of these owner keys signed.
    SignedBy(Vec<VerifyingKey>),
}

/// Which models must be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelDemand {
    /// These, by digest; there may be others beside them.
    Exactly(Vec<ReleasedModel>),
    /// Whatever the owner releases.
    OwnerMayChange,
}

/// Which public controls must be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlsDemand {
    /// Exactly these.
    Exactly(ControlsDigest),
    /// Any that meet every one of these.
    Meeting(Vec<Requirement>),
    /// Whatever the owner releases.
    OwnerDecides,
}

/// Why demands cannot be stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the demands name no {0}")]
pub struct TrustError(&'static str);

impl Trust {
    /// States demands.
    ///
    /// # Errors
    /// [`TrustError`] when a list of demands is empty, or no age is allowed.
    pub fn new(
        images: Vec<ImagePcrs>,
        charter: CharterDemand,
        models: ModelDemand,
        controls: ControlsDemand,
        max_age: Duration,
    ) -> Result<Self, TrustError> {
        if images.is_empty() {
            return Err(TrustError("image"));
        }
        if matches!(&charter, CharterDemand::SignedBy(keys) if keys.is_empty()) {
            return Err(TrustError("charter and no owner key"));
        }
        if matches!(&models, ModelDemand::Exactly(models) if models.is_empty()) {
            return Err(TrustError("model"));
        }
        if matches!(&controls, ControlsDemand::Meeting(requirements) if requirements.is_empty()) {
            return Err(TrustError("control"));
        }
        if max_age.is_zero() {
            return Err(TrustError("age of a document"));
        }
        Ok(Self { images, charter, least_epoch: 0, models, controls, max_age, seen: Arc::default() })
    }

    /// Raises the least epoch; never lowers it.
    #[must_use]
    pub fn with_least_epoch(mut self, epoch: u64) -> Self {
        self.least_epoch = self.least_epoch.max(epoch);
        self
    }
}
