//! Measures of an incident, laid over a policy: they only ever take away.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{Controls, Operation, Target, Treatment};
use strongroom_proto::name::Name;
use strongroom_seal::secret::ApiKeyDigest;
use toml::value::Datetime;

use super::compile::Draft;
use super::{digest, time};

/// Every model.
const ALL: &str = "*";

/// The `[incident]` section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Incident {
    /// SHA-256 of API keys that are no longer accepted.
    pub(crate) blocked_keys: BTreeSet<String>,
    /// Models of which only labels are released; `*` for all.
    pub(crate) label_only: BTreeSet<String>,
    /// Nobody may infer.
    pub(crate) lockdown: bool,
    /// Until when a model is not served.
    pub(crate) frozen_models: BTreeMap<Name, Until>,
    /// Until when an organisation is not served.
    pub(crate) frozen_organisations: BTreeMap<Name, Until>,
    /// Until when a key, by its SHA-256, is not served.
    pub(crate) frozen_keys: BTreeMap<String, Until>,
    /// Until when a key, by its SHA-256, is accepted at the longest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) ending_keys: BTreeMap<String, Until>,
}

/// A point in time, in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub(crate) struct Until(pub(crate) UnixMillis);

/// TOML has a type for times, JSON has not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Time(Datetime),
    Text(String),
}

impl TryFrom<Written> for Until {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Time(time) => time::argument(&time.to_string()),
            Written::Text(text) => time::argument(&text),
        }
        .map(Self)
    }
}

impl From<Until> for String {
    fn from(until: Until) -> Self {
        time::text(until.0)
    }
}

impl Incident {
    /// Whether anything is taken away.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The keys that are not accepted.
    pub(crate) fn blocked(&self) -> BTreeSet<ApiKeyDigest> {
        self.blocked_keys.iter().filter_map(|key| digest(key).ok()).collect()
    }

    /// Ends block, freeze and early end of a key, and says whether there was one.
    pub(crate) fn take_key(&mut self, key: &str) -> bool {
        // A policy may state digests in upper case.
        let other = |stated: &String| !stated.eq_ignore_ascii_case(key);
        let measures = |of: &Self| of.blocked_keys.len() + of.frozen_keys.len() + of.ending_keys.len();
        let before = measures(self);
        self.blocked_keys.retain(other);
        self.frozen_keys.retain(|stated, _| other(stated));
        self.ending_keys.retain(|stated, _| other(stated));
        before != measures(self)
    }

    /// The measures of both; of two freezes the longer one, of two ends the earlier one.
    pub(crate) fn join(&mut self, other: &Self) {
        self.blocked_keys.extend(other.blocked_keys.iter().cloned());
        self.label_only.extend(other.label_only.iter().cloned());
        self.lockdown |= other.lockdown;
        longest(&mut self.frozen_models, &other.frozen_models);
        longest(&mut self.frozen_organisations, &other.frozen_organisations);
        longest(&mut self.frozen_keys, &other.frozen_keys);
        for (key, until) in &other.ending_keys {
            let kept = self.ending_keys.entry(key.clone()).or_insert(*until);
            *kept = (*kept).min(*until);
        }
    }

    /// One line a measure.
    pub(crate) fn lines(&self) -> Vec<String> {
        let until = |what: &str, name: &str, until: &Until| {
            format!("{what} {name} frozen until {}", time::text(until.0))
        };
        let mut lines: Vec<String> =
            self.blocked_keys.iter().map(|key| format!("key {key} blocked")).collect();
        lines.extend(self.label_only.iter().map(|model| match model.as_str() {
            ALL => "labels alone of every model".to_owned(),
            model => format!("labels alone of {model}"),
        }));
        lines.extend(self.frozen_models.iter().map(|(name, time)| until("model", name.as_str(), time)));
        lines.extend(
            self.frozen_organisations.iter().map(|(name, time)| until("organisation", name.as_str(), time)),
        );
        lines.extend(self.frozen_keys.iter().map(|(key, time)| until("key", key, time)));
        let ending =
            |(key, time): (&String, &Until)| format!("key {key} accepted until {}", time::text(time.0));
        lines.extend(self.ending_keys.iter().map(ending));
        lines.extend(self.lockdown.then(|| "lockdown: nobody may infer".to_owned()));
        lines
    }

    /// Lays the measures over a draft. What they name and the draft does not know is a finding.
    pub(super) fn apply(&self, draft: &mut Draft) {
        self.keys(draft);
        self.labels(draft);
        for (name, until) in &self.frozen_models {
            if !draft.models.contains(name) {
                draft.unknown("incident", "model", name);
                continue;
            }
            let frozen = &mut draft.controls.models.entry(name.clone()).or_default().frozen_until;
            *frozen = (*frozen).max(Some(until.0));
        }
        for (name, until) in &self.frozen_organisations {
            match draft.organisations.get_mut(name) {
                Some(organisation) => {
                    organisation.frozen_until = organisation.frozen_until.max(Some(until.0))
                }
                None => draft.unknown("incident", "organisation", name),
            }
        }
        if self.lockdown {
            draft.controls.roles.values_mut().for_each(|role| {
                role.operations.remove(&Operation::Infer);
            });
        }
    }

    /// A key that the policy does not list is not served either way, and its digest may be mistyped.
    fn keys(&self, draft: &mut Draft) {
        let blocked: BTreeSet<ApiKeyDigest> =
            self.blocked_keys.iter().filter_map(|key| listed(key, draft)).collect();
        let (mut frozen, mut ending) = (BTreeMap::new(), BTreeMap::new());
        // The same key may be stated twice, in upper and in lower case.
        for (key, until) in &self.frozen_keys {
            let Some(key) = listed(key, draft) else { continue };
            let kept: &mut UnixMillis = frozen.entry(key).or_insert(until.0);
            *kept = (*kept).max(until.0);
        }
        for (key, until) in &self.ending_keys {
            let Some(key) = listed(key, draft) else { continue };
            let kept: &mut UnixMillis = ending.entry(key).or_insert(until.0);
            *kept = (*kept).min(until.0);
        }
        draft.keys.retain(|entry| !blocked.contains(&entry.key));
        for entry in &mut draft.keys {
            entry.frozen_until = entry.frozen_until.max(frozen.get(&entry.key).copied());
            entry.not_after = entry.not_after.into_iter().chain(ending.get(&entry.key).copied()).min();
        }
    }

    fn labels(&self, draft: &mut Draft) {
        let named: BTreeSet<Name> = self.label_only.iter().filter_map(|name| name.parse().ok()).collect();
        let all = self.label_only.contains(ALL);
        for name in &self.label_only {
            if name != ALL && !draft.models.iter().any(|model| model.as_str() == name) {
                draft.findings.error(
                    "incident",
                    format!("label_only names '{}', which is no model", name.escape_debug()),
                    "name a model of the release, or \"*\"",
                );
            }
        }
        let touched = |model: &Name| all || named.contains(model);
        let Controls { roles, routes, .. } = &mut draft.controls;
        let leads = |name: &Name| routes.get(name).is_some_and(|route| route.models.iter().any(touched));
        for (name, treatment) in roles.values_mut().flat_map(|role| &mut role.models) {
            if touched(name) || leads(name) {
                *treatment = Treatment::LABEL_ONLY;
            }
        }
        // All of a route, or its disagreement would lead to finer answers than its roles now get.
        let rules = draft.routes.iter_mut().filter(|(route, _)| leads(route)).flat_map(|(_, rules)| rules);
        for rule in rules {
            if let Target::Ensemble(ensemble) = &mut rule.target {
                ensemble.stricter = Treatment::LABEL_ONLY;
            }
        }
    }
}

/// A key that a measure names; keys are in the order of their digests.
fn listed(text: &str, draft: &mut Draft) -> Option<ApiKeyDigest> {
    match digest(text) {
        Err(wrong) => draft.findings.error("incident", format!("a measure: {wrong}"), "state the digest"),
        Ok(key) if draft.keys.binary_search_by_key(&key, |entry| entry.key).is_ok() => return Some(key),
        Ok(key) => {
            let what = format!(
                "a measure names the key {}, which the policy does not list",
                hex::encode(key.as_bytes())
            );
            draft.findings.warning("incident-unlisted", what, "look whether the digest is right");
        }
    }
    None
}

fn longest<K: Ord + Clone>(into: &mut BTreeMap<K, Until>, other: &BTreeMap<K, Until>) {
    for (name, until) in other {
        let kept = into.entry(name.clone()).or_insert(*until);
        *kept = (*kept).max(*until);
    }
}
