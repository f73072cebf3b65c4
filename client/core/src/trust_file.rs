//! The trust file: what a client demands of an enclave, as TOML.
//!
//! ```toml
//! # true: the one accepted root is the one below, and the root of AWS is not. Every command then
//! # says SIMULATION. Absent or false: the root of AWS is embedded and no other can be given.
//! simulation = false
//! # root = """-----BEGIN CERTIFICATE----- ..."""     only with simulation = true
//!
//! max_age_seconds = 300             # of the attestation document; 300 when absent
//! least_epoch = 3                   # releases of a lower epoch are refused; 0 when absent
//! # owner_may_change_models = true    in place of every [[model]]
//! # owner_decides_controls = true     in place of [controls]
//!
//! [[image]]                         # one or more; any one of them is accepted
//! pcr0 = "f4d4…"                    # 96 hexadecimal digits each
//! pcr1 = "…"
//! pcr2 = "…"
//!
//! # [measurements]                    in place of [[image]]: the images that one of these keys has published for
//! # signed_by = ["04…"]               this deployment, in a document that is given beside this file
//! # deployment = "fraud-eu"
//!
//! [charter]                         # one of the two
//! digest = "…"                      # exactly this charter
//! # signed_by = ["04…"]             # any charter that one of these owner keys signed
//!
//! [[model]]                         # all of these must be loaded, and no other can be asked
//! name = "fraud"
//! version = "1"
//! digest = "…"
//!
//! [controls]                        # a digest, or one or more of the others
//! digest = "…"                      # exactly these public controls
//! # outputs = ["label_only", "rounded"]   every answer, to whichever role, is of one of these sorts
//! # inputs = "not_recorded"           inputs and outputs are not recorded
//! # audit = true                      an audit log is kept
//! # limits = true                     every role that may infer has a rate, a quota or a budget
//! # provenance = ["measured"]         every model has a statement of how it was made of each of these kinds,
//! #                                   "declared", "recomputed" or "measured", or of a stronger one
//! ```
//!
//! A field that is not listed here is an error, and so is a demand that is missing or empty: nothing has a
//! default that means "do not check".

mod pem;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use strongroom_attestation::evidence::{
    CharterDemand, ControlsDemand, ModelDemand, Requirement, Trust, TrustError,
};
use strongroom_attestation::published::PublishedError;
use strongroom_attestation::release::{Coarseness, Controls};
use strongroom_attestation::{ImagePcrs, RootError, RootKind, TrustRoot};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::key::VerifyingKey;

use crate::limits::MAX_TRUSTED_IMAGES;

/// What a trust file says, as values.
#[derive(Clone, Debug)]
pub struct Demands {
    /// The root that attestation documents must lead to.
    pub root: TrustRoot,
    /// Acceptable images.
    pub images: Vec<ImagePcrs>,
    /// Whose deployment it must be.
    pub charter: CharterDemand,
    /// Lowest acceptable epoch of the release.
    pub least_epoch: u64,
    /// Which models must be served.
    pub models: ModelDemand,
    /// Which public controls must be in force.
    pub controls: ControlsDemand,
    /// Greatest acceptable age of an attestation document.
    pub max_age: Duration,
}

/// Demands that were found complete. The only constructors check them.
#[derive(Clone, Debug)]
pub struct TrustFile {
    demands: Demands,
    trust: Trust,
}

/// Why a text is not a trust file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustFileError {
    /// Longer than [`crate::limits::MAX_TRUST_FILE_BYTES`], or not UTF-8.
    #[error("the trust file is too long or not text")]
    Text,
    /// Not TOML, a field that does not exist, or one of another type.
    #[error("the trust file cannot be read, line {line}: {reason}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the parser says about it.
        reason: String,
    },
    /// A value that is not what its field holds.
    #[error("{field} is not {expected}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// Fields that exclude each other, or of which one is missing.
    #[error("{0}")]
    Choice(&'static str),
    /// The inline root.
    #[error("root: {0}")]
    Root(#[from] RootError),
    /// The published measurements.
    #[error("{0}")]
    Published(#[from] PublishedError),
    /// An empty demand.
    #[error("{0}")]
    Empty(#[from] TrustError),
}

impl TrustFile {
    /// Checks that the demands are complete.
    ///
    /// # Errors
    /// [`TrustFileError::Empty`] for an empty demand, [`TrustFileError::Value`] for an image with a register
    /// of zeros, which every debug image has, too many images, or a demand on controls that everything meets.
    pub fn new(demands: Demands) -> Result<Self, TrustFileError> {
        let zero = |image: &ImagePcrs| image.pcr0.is_zero() || image.pcr1.is_zero() || image.pcr2.is_zero();
        if demands.images.iter().any(zero) {
            return Err(TrustFileError::Value { field: "image", expected: "an image: a register is zero" });
        }
        if demands.images.len() > MAX_TRUSTED_IMAGES {
            return Err(TrustFileError::Value { field: "image", expected: "a list within its bound" });
        }
        if let ControlsDemand::Meeting(requirements) = &demands.controls {
            requirements.iter().try_for_each(demands_something)?;
        }
        let Demands { images, charter, models, controls, max_age, .. } = demands.clone();
        let trust = Trust::new(images, charter, models, controls, max_age)?;
        Ok(Self { trust: trust.with_least_epoch(demands.least_epoch), demands })
    }

    /// Reads a trust file.
    ///
    /// # Errors
    /// See [`TrustFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustFileError> {
        Self::new(text::read(bytes, None)?)
    }

    /// Reads a trust file whose images are those of a signed document.
    ///
    /// # Errors
    /// See [`TrustFileError`].
    pub fn parse_with_measurements(bytes: &[u8], published: &[u8]) -> Result<Self, TrustFileError> {
        Self::new(text::read(bytes, Some(published))?)
    }

    /// Writes the file that [`TrustFile::parse`] reads back to the same demands.
    #[must_use]
    pub fn to_toml(&self) -> String {
        text::write(&self.demands, None)
    }

    /// Writes the same demands with whoever publishes measurements in place of the images, for
    /// [`TrustFile::parse_with_measurements`].
    #[must_use]
    pub fn to_toml_by_publisher(&self, keys: &[VerifyingKey], deployment: &Name) -> String {
        text::write(&self.demands, Some((keys, deployment)))
    }

    /// The demands as values.
    #[must_use]
    pub fn demands(&self) -> &Demands {
        &self.demands
    }

    /// The demands as the verifier takes them.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &TrustRoot {
        &self.demands.root
    }

    /// Whether the root is a simulated one, which vouches for nothing. Say so loudly.
    #[must_use]
    pub fn is_simulation(&self) -> bool {
        self.demands.root.kind() == RootKind::Simulated
    }

    /// Whether this model may be asked: one that is pinned, or any where the owner may change them.
    #[must_use]
    pub fn allows_model(&self, name: &Name, version: Option<&Name>) -> bool {
        let ModelDemand::Exactly(models) = &self.demands.models else { return true };
        let same = |id: &PackageId| id.name == *name && version.is_none_or(|version| id.version == *version);
        models.iter().any(|model| same(&model.id))
    }

    /// Whether an answer of this sort may be taken: one of those that are demanded, or any where none is.
    #[must_use]
    pub fn allows_sort(&self, sort: Coarseness) -> bool {
        let ControlsDemand::Meeting(requirements) = &self.demands.controls else { return true };
        requirements.iter().all(|one| !matches!(one, Requirement::Outputs(sorts) if !sorts.contains(&sort)))
    }

    /// Whether this name may be asked under these controls: a route, only if every model that it may lead to is
    /// allowed.
    #[must_use]
    pub fn allows_ask(&self, name: &Name, version: Option<&Name>, controls: &Controls) -> bool {
        match controls.routes.get(name) {
            Some(route) => route.models.iter().all(|model| self.allows_model(model, None)),
            None => self.allows_model(name, version),
        }
    }

    /// The version of this model that is pinned, if exactly one is.
    #[must_use]
    pub fn pinned_version(&self, name: &Name) -> Option<&Name> {
        let ModelDemand::Exactly(models) = &self.demands.models else { return None };
        let mut pinned = models.iter().filter(|model| model.id.name == *name);
        let first = pinned.next()?;
        pinned.next().is_none().then_some(&first.id.version)
    }
}

/// Sorts of answers that there are. Who accepts them all demands nothing.
const EVERY_COARSENESS: usize = 3;

fn demands_something(requirement: &Requirement) -> Result<(), TrustFileError> {
    let (field, holds) = match requirement {
        Requirement::Outputs(sorts) => ("controls.outputs", (1..EVERY_COARSENESS).contains(&sorts.len())),
        Requirement::Provenance(kinds) => ("controls.provenance", !kinds.is_empty()),
        Requirement::InputsNotRecorded | Requirement::Audited | Requirement::Limited => return Ok(()),
    };
    let expected = "a list that demands something";
    if holds { Ok(()) } else { Err(TrustFileError::Value { field, expected }) }
}
