//! What is served at one moment: a release, its models and who may ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_attestation::release::{AcceptedRelease, Bundle};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::model::AnswerBound;

use crate::access::Access;
use crate::load::LoadedModel;

/// A release with everything it needs to be served.
pub(crate) struct Serving {
    pub(crate) release: AcceptedRelease,
    /// The documents as received, for evidence.
    pub(crate) bundle: Bundle,
    pub(crate) access: Access,
    pub(crate) models: BTreeMap<PackageId, Arc<LoadedModel>>,
}

impl Serving {
    /// The model of this name and version. Without a version, the only one there is.
    pub(crate) fn find(&self, name: &Name, version: Option<&Name>) -> Option<&LoadedModel> {
        let wanted =
            |id: &PackageId| id.name == *name && version.is_none_or(|version| id.version == *version);
        let mut found = self.models.iter().filter(|(id, _)| wanted(id)).map(|(_, model)| model.as_ref());
        let first = found.next();
        if found.next().is_none() { first } else { None }
    }

    /// Whether this is what a bundle holds, so that it need not be taken over again.
    pub(crate) fn is_bundle(&self, bytes: &[u8]) -> bool {
        Bundle::decode(bytes).is_ok_and(|bundle| bundle == self.bundle)
    }

    /// The bound on answers that reach no model. It is a model's own, so that a refusal looks like an answer.
    pub(crate) fn ordinary_answer(&self) -> Option<AnswerBound> {
        self.models.values().next().map(|model| model.answer)
    }
}
