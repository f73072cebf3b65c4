//! From the owner's file to the two parts of a release, as far as the file alone decides.
//!
//! Everything that cannot be compiled becomes a finding and the rest goes on, so that an owner sees all of it
//! at once. No release is made of a draft with an error.

mod access;
mod models;
mod roles;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use strongroom_attestation::audit::AuditPublicKey;
use strongroom_attestation::release::{
    ANSWER_QUANTUM_MS, Authentication, Controls, Counting, KeyEntry, ModelControls, Monitored, Organisation,
    OutputKind, Payloads, Private, Provenance, RouteRule,
};
use strongroom_proto::limits::MAX_RECORD_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::limits::MIN_RECORD_BYTES;
use strongroom_seal::model::{Interface, Schema};
use strongroom_seal::secret::StateKey;
use toml::value::Datetime;

use super::file::PolicyFile;
use super::finding::Findings;
use super::time;
use super::{KeyGrant, Policy};

/// What a release knows of one of its models.
#[derive(Clone)]
pub(crate) struct ModelFacts {
    pub(crate) name: Name,
    pub(crate) version: Name,
    pub(crate) interface: Interface,
    pub(crate) schema: Schema,
    /// What its manifest states of how it was made.
    pub(crate) provenance: Vec<Provenance>,
}

/// A compiled policy with what was found in it.
pub(crate) struct Draft {
    pub(crate) controls: Controls,
    pub(crate) organisations: BTreeMap<Name, Organisation>,
    pub(crate) keys: Vec<KeyEntry>,
    pub(crate) routes: BTreeMap<Name, Vec<RouteRule>>,
    pub(crate) monitors: BTreeMap<Name, Monitored>,
    pub(crate) audit_key: Option<AuditPublicKey>,
    pub(crate) findings: Findings,
    /// Names of the release's models; where they are not known, those that the file mentions.
    pub(super) models: BTreeSet<Name>,
}

/// Compiles all of a policy but its incident.
pub(super) fn draft(policy: &Policy, grants: &[KeyGrant], known: Option<&[ModelFacts]>) -> Draft {
    let file = &policy.file;
    let models =
        known.map_or_else(|| mentioned(file), |known| known.iter().map(|model| model.name.clone()).collect());
    let mut draft = Draft::new(file, models, policy.audit_key.clone());
    models::compile(file, &mut draft);
    models::claims(known.unwrap_or_default(), &mut draft);
    models::interfaces(known.unwrap_or_default(), &mut draft);
    draft.monitors = models::monitors(file, &policy.profiles);
    draft.monitors.retain(|name, _| draft.controls.models.contains_key(name));
    let treatments = roles::treatments(file, &mut draft);
    routes::compile(file, &treatments, &mut draft);
    roles::compile(file, &treatments, &mut draft);
    access::compile(file, grants, &mut draft);
    draft
}

/// Every name that can only be a model's.
fn mentioned(file: &PolicyFile) -> BTreeSet<Name> {
    let rules = file.route.values().flat_map(|route| &route.rule);
    let targets = rules.flat_map(|rule| rule.model.iter().chain(rule.ensemble.iter().flatten()));
    let asked = file.role.values().flat_map(|role| role.models.iter().flat_map(BTreeMap::keys));
    let asked = asked.filter(|name| !file.route.contains_key(*name));
    file.model.keys().chain(targets).chain(asked).cloned().collect()
}

impl Draft {
    fn new(file: &PolicyFile, models: BTreeSet<Name>, audit_key: Option<AuditPublicKey>) -> Self {
        let controls = Controls {
            authentication: Authentication::ApiKey,
            max_request_bytes: file.max_request_bytes.unwrap_or(MAX_RECORD_BYTES as u64),
            payloads: Payloads::NotRecorded,
            audit: audit_key.is_some(),
            counting: Counting::PerBoot,
            rate: file.rate.map(super::file::FileRate::compile),
            telemetry: file.telemetry.map(super::file::FileTelemetry::compile),
            answer_quantum_ms: file.answer_quantum_ms,
            roles: BTreeMap::new(),
            models: BTreeMap::new(),
            routes: BTreeMap::new(),
        };
        let mut draft = Self {
            controls,
            organisations: BTreeMap::new(),
            keys: Vec::new(),
            routes: BTreeMap::new(),
            monitors: BTreeMap::new(),
            audit_key,
            findings: Findings::default(),
            models,
        };
        let bounds = MIN_RECORD_BYTES as u64..=MAX_RECORD_BYTES as u64;
        if !bounds.contains(&draft.controls.max_request_bytes) {
            let what = format!("max_request_bytes is {MIN_RECORD_BYTES} to {MAX_RECORD_BYTES}");
            draft.findings.error("bounds", what, "choose a size within the bounds");
        }
        if draft.controls.answer_quantum_ms.is_some_and(|quantum| !ANSWER_QUANTUM_MS.contains(&quantum)) {
            let (least, most) = ANSWER_QUANTUM_MS.into_inner();
            let what = format!("answer_quantum_ms is {least} to {most}");
            draft.findings.error("bounds", what, "choose a time within the bounds");
        }
        draft
    }

    /// A name that leads nowhere.
    pub(super) fn unknown(&mut self, at: &str, kind: &str, name: &Name) {
        let what = format!("{at} names the {kind} '{name}', which is not there");
        self.findings.error("name-unknown", what, "correct the name, or define what it names");
    }

    fn time(&mut self, at: &str, time: Option<&Datetime>) -> Option<strongroom_attestation::UnixMillis> {
        let time = time?;
        let millis = time::millis(time);
        if millis.is_none() {
            let what = format!("{at}: a time needs a date, a time of day and an offset");
            self.findings.error("time", what, "write it as 2026-12-01T00:00:00Z");
        }
        millis
    }

    /// Whether a model of this name is of the release.
    pub(crate) fn has_model(&self, name: &Name) -> bool {
        self.models.contains(name)
    }

    /// The models that may answer who asks for `name`.
    pub(crate) fn answering<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Name> {
        let routed = self.controls.routes.get(name).map(|route| route.models.iter());
        routed.into_iter().flatten().chain(self.models.get(name))
    }

    /// What the outputs of a model are, the undeclared ones included where its interface is known.
    pub(crate) fn kinds(&self, name: &Name, known: Option<&[ModelFacts]>) -> Vec<OutputKind> {
        let none = ModelControls::default();
        let controls = self.controls.model(name).unwrap_or(&none);
        match known.and_then(|known| known.iter().find(|model| model.name == *name)) {
            Some(facts) => {
                facts.interface.outputs.iter().map(|output| controls.output(&output.name)).collect()
            }
            None => controls.outputs.values().copied().collect(),
        }
    }

    /// The two parts of a release.
    pub(super) fn finish(self, state_key: StateKey) -> (Controls, Private) {
        let Self { controls, organisations, keys, routes, monitors, audit_key, .. } = self;
        (controls, Private { state_key, audit_key, organisations, keys, monitors, routes })
    }
}
