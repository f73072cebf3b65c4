//! The public controls of a release: what every client may know of how it is treated.
//!
//! Clients get these bytes with the evidence and can demand what stands here. Who holds which key, and every
//! threshold, stands in the private part.

mod limits;
mod model;
mod role;
mod treatment;
mod watch;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strongroom_proto::name::Name;
pub use strongroom_seal::model::ClaimKind;

pub use limits::{Limits, Rate};
pub use model::{ModelControls, OutputKind, Provenance, RouteControls, Transform};
pub use role::{Operation, Priority, RoleControls};
pub use treatment::{Clamp, Coarseness, Detail, Treatment};
pub use watch::{Telemetry, Unlike, Watch};

use super::ReleaseError;

/// Roles, or routes, of one release.
pub const MAX_ROLES: usize = 256;

/// Quanta of answers, in milliseconds. Shorter ones are finer than the enclave's timers, longer ones longer than
/// clients wait.
pub const ANSWER_QUANTUM_MS: RangeInclusive<u64> = 5..=10_000;

/// Public controls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controls {
    /// Who may ask.
    pub authentication: Authentication,
    /// Bytes of the largest request record that is opened.
    pub max_request_bytes: u64,
    /// What becomes of inputs and outputs beside the answer.
    pub payloads: Payloads,
    /// Whether an audit log is kept: that a request was made and how it ended, never what it said.
    pub audit: bool,
    /// How limits are counted.
    pub counting: Counting,
    /// Rate of the whole enclave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Aggregates that leave the enclave. Absent: none do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,
    /// Milliseconds of which answers leave at whole multiples after their message came, so that the time tells
    /// little of what was decided. Absent: they leave when they are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_quantum_ms: Option<u64>,
    /// What the holders of API keys may do, by role.
    pub roles: BTreeMap<Name, RoleControls>,
    /// How models are treated, by name. A model without an entry is served as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<Name, ModelControls>,
    /// Names that lead to one of several models.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<Name, RouteControls>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Holders of an API key that the private part lists.
    ApiKey,
}

/// What becomes of inputs and outputs beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payloads {
    /// They are neither logged nor kept beyond the answer and its retries.
    NotRecorded,
}

/// What a limit is an allowance for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// One boot of one enclave. What is let out in total is at most allowance × boots × replicas: the host can
    /// withhold the counters that an earlier boot left.
    PerBoot,
}

impl Controls {
    /// The controls of a model.
    #[must_use]
    pub fn model(&self, name: &Name) -> Option<&ModelControls> {
        self.models.get(name)
    }

    /// The time of which answers leave at whole multiples.
    #[must_use]
    pub fn answer_quantum(&self) -> Option<Duration> {
        self.answer_quantum_ms.map(Duration::from_millis)
    }

    /// Whether an answer of `model` may be given to who asked for `asked`.
    #[must_use]
    pub fn leads_to(&self, asked: &Name, model: &Name) -> bool {
        asked == model || self.routes.get(asked).is_some_and(|route| route.models.contains(model))
    }

    /// Every treatment that some role gets, with the name it asks for.
    pub fn treatments(&self) -> impl Iterator<Item = (&Name, &Treatment)> {
        self.roles.values().flat_map(|role| &role.models)
    }

    /// Checks what the shape cannot say.
    ///
    /// # Errors
    /// [`ReleaseError::ControlsSense`] naming what does not fit together.
    pub fn check(&self) -> Result<(), ReleaseError> {
        let wrong = |what| Err(ReleaseError::ControlsSense(what));
        if self.roles.len() > MAX_ROLES || self.routes.len() > MAX_ROLES {
            return wrong("too many roles or routes");
        }
        if self.rate.is_some_and(|rate| !rate.is_possible()) {
            return wrong("a rate of nothing");
        }
        if self.telemetry.is_some_and(|telemetry| !telemetry.is_possible()) {
            return wrong("telemetry of an impossible period or epsilon");
        }
        if self.answer_quantum_ms.is_some_and(|quantum| !ANSWER_QUANTUM_MS.contains(&quantum)) {
            return wrong("an answer quantum out of bounds");
        }
        if self.roles.values().any(|role| !role.is_possible()) {
            return wrong("a role whose limits or treatments are impossible");
        }
        if self.models.values().any(|model| !model.is_possible()) {
            return wrong("a model whose limits, transforms or watch are impossible");
        }
        if self.routes.values().any(|route| route.models.is_empty()) {
            return wrong("a route that leads nowhere");
        }
        Ok(())
    }
}
