//! How one model is treated, and the names that lead to several.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strongroom_proto::name::Name;
use strongroom_seal::model::Interface;

use super::{ClaimKind, Limits, Watch};
use crate::UnixMillis;

/// How a model is treated, whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelControls {
    /// Allowances of all keys together. Only a rate is counted for a model.
    #[serde(default)]
    pub limits: Limits,
    /// What its outputs are. An output that is not named holds values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, OutputKind>,
    /// What happens to its inputs before it sees them, by input, in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transforms: BTreeMap<String, Vec<Transform>>,
    /// How its use is watched. Absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// What the owner states of how it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Provenance>,
    /// What each of its versions takes and gives, so that a client that verified the release knows how to ask. What
    /// stands here is what the sealed model says, or nothing is served.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub interfaces: BTreeMap<Name, Interface>,
    /// Until when it is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_until: Option<UnixMillis>,
}

/// What an output of a model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// The winning class of each row. It leaves as it is.
    Label,
    /// Rows of probabilities along the last dimension.
    Probabilities,
    /// Rows of unbounded scores along the last dimension.
    Logits,
    /// Anything else, embeddings say. Withheld where only the label is released.
    #[default]
    Values,
}

/// What happens to the elements of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// They are cut to a range.
    #[serde(rename = "clip")]
    Clip {
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
    },
    /// They are rounded to multiples of a step.
    Quantize {
        /// The step.
        step: f64,
    },
    /// Each becomes the median of its neighbours (feature squeezing: Xu, Evans, Qi, NDSS 2018).
    Smooth {
        /// Neighbours that count, itself included; odd.
        window: u32,
        /// Dimension along which they lie, the outermost being 0.
        axis: u32,
    },
}

/// A statement of the owner about how a model was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// What it is about, such as `training-data`.
    pub claim: Name,
    /// How far it was checked.
    pub kind: ClaimKind,
    /// Of a claim that the model's manifest holds, its digest; of another, SHA-256 of what it refers to.
    #[serde(with = "serde_bytes")]
    pub sha256: [u8; 32],
}

/// A name that leads to one of several models. By what is in the private part, but for this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteControls {
    /// Models of which one answers.
    pub models: BTreeSet<Name>,
    /// Risk fields that a request has to declare.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<Name>,
    /// Whether several of them may answer a row together, by majority.
    #[serde(default)]
    pub votes: bool,
}

/// Widest window of a smoothing.
const MAX_SMOOTH_WINDOW: u32 = 31;

impl ModelControls {
    /// What an output is.
    #[must_use]
    pub fn output(&self, name: &str) -> OutputKind {
        self.outputs.get(name).copied().unwrap_or_default()
    }

    pub(super) fn is_possible(&self) -> bool {
        self.limits.is_possible()
            && self.watch.as_ref().is_none_or(Watch::is_possible)
            && self.interfaces.values().all(|interface| interface.check().is_ok())
            && self.transforms.values().flatten().all(Transform::is_possible)
    }
}

impl Transform {
    fn is_possible(&self) -> bool {
        match self {
            Self::Clip { min, max } => min <= max && min.is_finite() && max.is_finite(),
            Self::Quantize { step } => *step > 0.0 && step.is_finite(),
            Self::Smooth { window, axis } => {
                window % 2 == 1
                    && *window <= MAX_SMOOTH_WINDOW
                    && (*axis as usize) < strongroom_seal::limits::MAX_RANK
            }
        }
    }
}
