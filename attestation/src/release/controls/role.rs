//! What the holder of an API key may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use strongroom_proto::name::Name;

use super::{Limits, Treatment};

/// Something that can be asked of an enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An inference with one of the role's models.
    Infer,
    /// The signed head of the audit log.
    Audit,
    /// How the enclave does.
    Status,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 3] = [Self::Infer, Self::Audit, Self::Status];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Infer => "infer",
            Self::Audit => "audit",
            Self::Status => "status",
        })
    }
}

/// Whose requests come first where cores are scarce. A share and no right of way: nobody waits for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Eight times the share of a normal one.
    High,
    /// As everybody.
    #[default]
    Normal,
    /// An eighth of a normal one's share.
    Low,
}

impl Priority {
    /// Whether it goes without saying.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// What the holders of one role may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleControls {
    /// What may be asked. Empty allows nothing.
    pub operations: BTreeSet<Operation>,
    /// Models and routes that may be asked, and how their outputs are treated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<Name, Treatment>,
    /// Allowances of each key, unless the private part states others for one.
    #[serde(default)]
    pub limits: Limits,
    /// Whose requests come first.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
}

impl RoleControls {
    pub(super) fn is_possible(&self) -> bool {
        self.limits.is_possible() && self.models.values().all(Treatment::is_possible)
    }
}
