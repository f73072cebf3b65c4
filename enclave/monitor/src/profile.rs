//! What a model's training data looks like, as far as detectors need to know it.
//!
//! `strongroom profile` makes it on the owner's machine. It is as secret as the data it sums up: it reaches an
//! enclave inside the private part of a release, and nobody else.

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use strongroom_proto::cbor::{self, Bounds, CborError};

use crate::limits::{BINS, MAX_CLASSES, MAX_FEATURES, MAX_SCORES};

/// As `strongroom_attestation::release::MAX_PROFILE_BYTES`.
const PROFILE_CBOR: Bounds = Bounds {
    max_bytes: strongroom_attestation::release::MAX_PROFILE_BYTES,
    max_depth: 6,
    max_items: 4_000_000,
};

/// A profile. No `Debug`: it sums up secret data.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Rows it was made from.
    pub rows: u64,
    /// Where the features of a row are found.
    pub space: Space,
    /// Number of features.
    pub features: usize,
    /// Where the class of a row is found. Absent: every row is of the one class there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Each class, in the order of the scores.
    pub classes: Vec<Class>,
    /// Mean of each feature over all rows.
    pub centre: Vec<f32>,
    /// Standard deviation of each feature over all rows, never 0.
    pub scale: Vec<f32>,
    /// Lower triangle W of `features` rows, row by row, with WᵀW the inverse of the covariance that the classes
    /// share (shrunk), so that |W(x − mean)| is the Mahalanobis distance of x.
    pub whitening: Vec<f32>,
    /// Lowest and highest value of each feature that is taken for the data's own.
    pub bounds: Vec<(f32, f32)>,
    /// Edges of each feature's histogram: `BINS − 1` quantiles, rising. A value is in the bin of the edges below it.
    pub edges: Vec<Vec<f32>>,
    /// Shares of the rows in each bin of each feature. Equal only where values are many.
    pub shares: Vec<Vec<f32>>,
    /// Median distance of a row to its nearest neighbour, in units of `scale`.
    pub neighbour: f32,
    /// Distance below which two rows of one key are near-duplicates, in the same units. 0 where honest rows repeat
    /// so often that it says nothing.
    pub near: f32,
}

/// Where the features of a row are found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// An input of numbers; each entry along its first dimension is a row.
    Input(String),
    /// An output of numbers, an embedding say.
    Output(String),
}

/// Where the class of a row is found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The output of scores along the last dimension: the highest wins.
    pub scores: String,
    /// The output that names the winner, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Labels>,
}

/// An output of labels.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Its name.
    pub output: String,
    /// The element of each class, in the order of the scores: little-endian bytes of its type, or the bytes of a
    /// string.
    pub values: Vec<ByteBuf>,
}

/// What the rows of one predicted class look like.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Share of the rows that the model puts in this class.
    pub share: f32,
    /// Mean of each feature.
    pub mean: Vec<f32>,
    /// Mahalanobis distances of calibration rows, which the mean was not made from, rising. Those of all classes
    /// where this one has too few of its own.
    pub distances: Vec<f32>,
    /// Highest score less the second of the same rows, rising. Empty without scores.
    pub margins: Vec<f32>,
    /// Distance above which a row is out of distribution; absent where there are too few rows to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

/// Why a profile is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not the CBOR of one.
    #[error("profile: {0}")]
    Cbor(#[from] CborError),
    /// Its parts contradict each other.
    #[error("profile: {0}")]
    Sense(&'static str),
}

impl Profile {
    /// Reads a profile and checks that its parts fit together.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ProfileError> {
        let profile: Self = cbor::decode(bytes, PROFILE_CBOR)?;
        profile.check()?;
        Ok(profile)
    }

    /// Writes a profile.
    ///
    /// # Errors
    /// [`ProfileError::Cbor`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, ProfileError> {
        Ok(cbor::encode(self)?)
    }

    /// Checks that its parts fit together.
    ///
    /// # Errors
    /// [`ProfileError::Sense`] naming what does not.
    pub fn check(&self) -> Result<(), ProfileError> {
        let wrong = |what| Err(ProfileError::Sense(what));
        let n = self.features;
        if n == 0 || n > MAX_FEATURES || self.classes.is_empty() || self.classes.len() > MAX_CLASSES {
            return wrong("no features or classes, or too many");
        }
        if self.decision.is_none() && self.classes.len() != 1 {
            return wrong("several classes and no output that tells them apart");
        }
        let lists = [&self.centre, &self.scale];
        if lists.iter().any(|list| list.len() != n) || self.whitening.len() != n * (n + 1) / 2 {
            return wrong("lists of another length than there are features");
        }
        if self.bounds.len() != n || self.edges.len() != n || self.shares.len() != n {
            return wrong("lists of another length than there are features");
        }
        let finite = |list: &[f32]| list.iter().all(|value| value.is_finite());
        let rising = |list: &[f32]| finite(list) && list.is_sorted();
        if lists.iter().any(|list| !finite(list)) || !finite(&self.whitening) {
            return wrong("a number that is not finite");
        }
        let positive = self.scale.iter().all(|scale| *scale > 0.0);
        let distance = |value: f32| value.is_finite() && value >= 0.0;
        if !(positive && distance(self.near) && distance(self.neighbour)) {
            return wrong("a scale or distance that is not positive");
        }
        if !self.bounds.iter().all(|(low, high)| low <= high) {
            return wrong("bounds that cross");
        }
        if !self.edges.iter().all(|edges| edges.len() == BINS - 1 && rising(edges)) {
            return wrong("edges of a histogram that do not rise");
        }
        let shares =
            |list: &Vec<f32>| list.len() == BINS && list.iter().all(|share| (0.0..=1.0).contains(share));
        if !self.shares.iter().all(shares) {
            return wrong("shares of a histogram that are none");
        }
        if let Some(labels) = self.decision.as_ref().and_then(|decision| decision.label.as_ref())
            && labels.values.len() != self.classes.len()
        {
            return wrong("another number of labels than of classes");
        }
        self.classes.iter().try_for_each(|class| class.check(n))
    }
}

impl Class {
    fn check(&self, features: usize) -> Result<(), ProfileError> {
        let rising = |list: &[f32]| list.iter().all(|value| value.is_finite()) && list.is_sorted();
        if self.mean.len() != features || !self.mean.iter().all(|value| value.is_finite()) {
            return Err(ProfileError::Sense("a mean of other features"));
        }
        let scores = [&self.distances, &self.margins];
        if scores.iter().any(|list| list.len() > MAX_SCORES || !rising(list)) {
            return Err(ProfileError::Sense("calibration scores that do not rise, or too many"));
        }
        if !(0.0..=1.0).contains(&self.share) || self.threshold.is_some_and(|threshold| threshold.is_nan()) {
            return Err(ProfileError::Sense("a share or threshold that is none"));
        }
        Ok(())
    }
}
