//! What is served at one moment: a release, its models and who may ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_attestation::release::{AcceptedRelease, Bundle, ModelControls, RouteRule};
use strongroom_controls::Grants;
use strongroom_proto::Code;
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::model::AnswerBound;

use crate::audit::AuditLog;
use crate::load::ServedModel;
use crate::pace::Pace;
use crate::telemetry::Reporting;
use crate::watch::Watchers;

/// A release with everything it needs to be served.
pub(crate) struct Serving {
    pub(crate) release: AcceptedRelease,
    /// The documents as received, for evidence.
    pub(crate) bundle: Bundle,
    pub(crate) grants: Grants,
    pub(crate) routes: BTreeMap<Name, Vec<RouteRule>>,
    /// Where every answer under this release is recorded, if its controls state an audit log.
    pub(crate) audit: Option<Arc<AuditLog>>,
    /// What is counted and reported, if its controls state telemetry.
    pub(crate) reporting: Option<Reporting>,
    /// The controls of models that the release has none for.
    pub(crate) untreated: ModelControls,
    /// Who watches which model.
    pub(crate) watchers: Watchers,
    pub(crate) models: BTreeMap<PackageId, Arc<ServedModel>>,
    /// What runs take, by the name that was asked for.
    pub(crate) paces: BTreeMap<Name, Pace>,
}

impl Serving {
    /// The model of this name and version. Without a version, the only one there is.
    pub(crate) fn find(&self, name: &Name, version: Option<&Name>) -> Option<&ServedModel> {
        let wanted =
            |id: &PackageId| id.name == *name && version.is_none_or(|version| id.version == *version);
        let mut found = self.models.iter().filter(|(id, _)| wanted(id)).map(|(_, model)| model.as_ref());
        let first = found.next();
        if found.next().is_none() { first } else { None }
    }

    /// The models that answer by now.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = &PackageId> {
        self.models.iter().filter(|(_, model)| model.engine.initialized()).map(|(id, _)| id)
    }

    /// Whether this is what a bundle holds, so that it need not be taken over again.
    pub(crate) fn is_bundle(&self, bytes: &[u8]) -> bool {
        Bundle::decode(bytes).is_ok_and(|bundle| bundle == self.bundle)
    }

    /// Whether a record of so many bytes may come in.
    ///
    /// # Errors
    /// [`Code::TooLarge`].
    pub(crate) fn allows(&self, record_bytes: usize) -> Result<(), Code> {
        let allowed = self.release.controls().max_request_bytes;
        if record_bytes as u64 > allowed { Err(Code::TooLarge) } else { Ok(()) }
    }

    /// The bound on answers to whoever asks for this name, refusals included: of a model its own, of a route one
    /// that each of its models keeps. Where nothing of that name is served, the first model's, so that a refusal
    /// looks like an answer.
    pub(crate) fn answer_bound(&self, asked: Option<(&Name, Option<&Name>)>) -> Option<AnswerBound> {
        let ordinary = self.models.values().next().map(|model| model.answer);
        let Some((name, version)) = asked else { return ordinary };
        let own = match self.release.controls().routes.get(name) {
            Some(route) => route
                .models
                .iter()
                .filter_map(|name| self.find(name, None))
                .map(|model| model.answer)
                .reduce(|one, other| one.or_larger(other)),
            None => self.find(name, version).map(|model| model.answer),
        };
        own.or(ordinary)
    }
}
