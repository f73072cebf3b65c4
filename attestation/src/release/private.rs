//! The private part of a release: what only owner and enclave may know.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds, CborError};
use strongroom_proto::limits::MAX_RELEASE_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::secret::{ApiKeyDigest, StateKey};

use super::{Controls, Limits, Monitored, ReleaseError, Treatment};
use crate::UnixMillis;
use crate::audit::AuditPublicKey;

/// API keys of one release.
pub const MAX_KEYS: usize = 131_072;

/// Rules of one route.
pub const MAX_RULES: usize = 64;

/// Members of one ensemble.
pub const MAX_MEMBERS: usize = 8;

const PRIVATE_CBOR: Bounds = Bounds { max_bytes: MAX_RELEASE_BYTES, max_depth: 8, max_items: 6_000_000 };

/// The private part. No `Debug`: it is secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Private {
    /// Seals what a boot leaves to the next. The same over the releases of a deployment, or counters begin
    /// anew.
    pub state_key: StateKey,
    /// To whom the audit log is sealed. Absent where none is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_key: Option<AuditPublicKey>,
    /// Organisations above keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub organisations: BTreeMap<Name, Organisation>,
    /// Who may ask.
    pub keys: Vec<KeyEntry>,
    /// How models are watched, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub monitors: BTreeMap<Name, Monitored>,
    /// How the public routes choose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<Name, Vec<RouteRule>>,
}

/// The keys of one organisation share its allowances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Allowances of all its keys together.
    #[serde(default)]
    pub limits: Limits,
    /// Until when none of its keys is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_until: Option<UnixMillis>,
}

/// One API key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// SHA-256 of the key.
    pub key: ApiKeyDigest,
    /// Its role, one of the public controls.
    pub role: Name,
    /// Its organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Name>,
    /// Of the role's models and routes, those it may ask. Absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<BTreeSet<Name>>,
    /// Until when it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<UnixMillis>,
    /// Until when it is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_until: Option<UnixMillis>,
    /// Allowances in place of the role's, none of them larger: what the public controls say of a role holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// One rule of a route. The first that fits decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRule {
    /// Roles that it is for; empty for all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Name>,
    /// What the request has to declare for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Who answers.
    pub target: Target,
}

/// A declared risk field inside a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field.
    pub field: Name,
    /// Smallest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Values from here on do not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

/// Who answers a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One model.
    Model(Name),
    /// Several, whose disagreement is a signal.
    Ensemble(Ensemble),
}

/// Models that look at the same request. The first answers, unless they vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// The models, the one that answers first.
    pub members: Vec<Name>,
    /// Share of rows with different labels from which on the stricter treatment applies, 0 to 1.
    pub disagreement: f64,
    /// What then happens to the outputs.
    pub stricter: Treatment,
    /// Whether each row is answered by the first member that agrees with the majority.
    #[serde(default)]
    pub vote: bool,
}

impl Private {
    /// Reads a private part.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        cbor::decode(bytes, PRIVATE_CBOR)
    }

    /// Writes a private part.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }

    /// Checks that it fits the public controls it came with.
    ///
    /// # Errors
    /// [`ReleaseError::Private`] naming what does not.
    pub fn check(&self, controls: &Controls) -> Result<(), ReleaseError> {
        let wrong = |what| Err(ReleaseError::Private(what));
        if self.keys.len() > MAX_KEYS {
            return wrong("too many keys");
        }
        if self.audit_key.is_some() != controls.audit {
            return wrong("an audit key where the controls state no audit log, or none where they state one");
        }
        let known = |key: &KeyEntry| {
            controls.roles.contains_key(&key.role)
                && key.organisation.as_ref().is_none_or(|name| self.organisations.contains_key(name))
        };
        if !self.keys.iter().all(known) {
            return wrong("a key of a role or organisation that is not there");
        }
        let within = |key: &KeyEntry| {
            let role = controls.roles.get(&key.role).map(|role| role.limits).unwrap_or_default();
            key.limits.as_ref().is_none_or(|own| own.is_within(&role))
        };
        if !self.keys.iter().all(within) {
            return wrong("a key that is allowed more than its role");
        }
        let limits = self.keys.iter().filter_map(|key| key.limits.as_ref());
        let limits = limits.chain(self.organisations.values().map(|organisation| &organisation.limits));
        if !limits.into_iter().all(Limits::is_possible) {
            return wrong("a rate of nothing");
        }
        self.check_monitors(controls)?;
        self.check_routes(controls)
    }

    fn check_monitors(&self, controls: &Controls) -> Result<(), ReleaseError> {
        let wrong = |what| Err(ReleaseError::Private(what));
        let watched = controls.models.iter().filter(|(_, model)| model.watch.is_some());
        if !self.monitors.keys().eq(watched.map(|(name, _)| name)) {
            return wrong("a model that is watched without a profile, or a profile without a watch");
        }
        if !self.monitors.values().all(Monitored::is_possible) {
            return wrong("thresholds that nothing can meet, or a profile that is too large");
        }
        Ok(())
    }

    fn check_routes(&self, controls: &Controls) -> Result<(), ReleaseError> {
        let wrong = |what| Err(ReleaseError::Private(what));
        if !self.routes.keys().eq(controls.routes.keys()) {
            return wrong("other routes than the controls");
        }
        for ((name, rules), public) in self.routes.iter().zip(controls.routes.values()) {
            let catches_all = rules.last().is_some_and(|rule| rule.roles.is_empty() && rule.when.is_none());
            if rules.len() > MAX_RULES || !catches_all {
                return wrong("a route without a last rule for everybody, or with too many");
            }
            let stated = |rule: &RouteRule| {
                let field = rule.when.as_ref().is_none_or(|when| public.fields.contains(&when.field));
                field && rule.target.models().iter().all(|model| public.models.contains(model))
            };
            if !rules.iter().all(stated) {
                return wrong("a route to a model, or by a field, that the controls do not state");
            }
            let treatments =
                || controls.treatments().filter(|(asked, _)| *asked == name).map(|(_, treatment)| treatment);
            let strict = |rule: &RouteRule| match &rule.target {
                Target::Model(_) => true,
                Target::Ensemble(ensemble) => treatments().all(|own| ensemble.stricter.is_no_finer_than(own)),
            };
            if !rules.iter().all(strict) {
                return wrong("an ensemble whose stricter treatment is finer than a role's");
            }
            if !rules.iter().all(|rule| rule.target.is_possible(public.votes)) {
                return wrong(
                    "an ensemble that is too small, too large, or votes where the controls say it does not",
                );
            }
        }
        Ok(())
    }
}

impl Target {
    /// The models that look at the request.
    #[must_use]
    pub fn models(&self) -> &[Name] {
        match self {
            Self::Model(model) => std::slice::from_ref(model),
            Self::Ensemble(ensemble) => &ensemble.members,
        }
    }

    fn is_possible(&self, may_vote: bool) -> bool {
        match self {
            Self::Model(_) => true,
            Self::Ensemble(ensemble) => {
                let distinct: BTreeSet<_> = ensemble.members.iter().collect();
                (2..=MAX_MEMBERS).contains(&ensemble.members.len())
                    && distinct.len() == ensemble.members.len()
                    && ensemble.stricter.is_possible()
                    && (0.0..=1.0).contains(&ensemble.disagreement)
                    && (may_vote || !ensemble.vote)
            }
        }
    }
}

impl Condition {
    /// Whether a value fits.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        self.at_least.is_none_or(|least| value >= least) && self.below.is_none_or(|below| value < below)
    }
}
