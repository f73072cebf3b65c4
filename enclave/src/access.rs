//! Who may ask for what. A [`Permit`] is the proof that somebody was asked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use strongroom_attestation::release::Private;
use strongroom_proto::name::Name;
use strongroom_seal::message::{Refusal, Request};
use strongroom_seal::secret::{ApiKey, ApiKeyDigest};

use crate::load::LoadedModel;
use crate::serving::Serving;

/// The API keys of a release and what each may ask.
pub(crate) struct Access(HashMap<ApiKeyDigest, Arc<BTreeSet<Name>>>);

/// The holder of an accepted API key. The only constructor is [`Access::authenticate`].
#[derive(Clone)]
pub(crate) struct Caller {
    key: ApiKeyDigest,
    models: Arc<BTreeSet<Name>>,
}

/// The right to run one model once for one request. The only constructor is [`Caller::permit`].
pub(crate) struct Permit<'a> {
    model: &'a LoadedModel,
}

impl Access {
    pub(crate) fn new(private: Private) -> Self {
        Self(private.access.into_iter().map(|access| (access.key, Arc::new(access.models))).collect())
    }

    /// Looks a key up by its digest, so that no comparison depends on the key itself.
    pub(crate) fn authenticate(&self, key: &ApiKey) -> Result<Caller, Refusal> {
        let digest = key.digest();
        let models = self.0.get(&digest).ok_or(Refusal::Key)?;
        Ok(Caller { key: digest, models: Arc::clone(models) })
    }
}

impl Caller {
    pub(crate) fn key(&self) -> ApiKeyDigest {
        self.key
    }

    /// Whether this caller may have this request answered, and by which model.
    pub(crate) fn permit<'a>(
        &self,
        serving: &'a Serving,
        request: &Request<'_>,
    ) -> Result<Permit<'a>, Refusal> {
        if !self.models.contains(&request.model) {
            return Err(Refusal::Model);
        }
        let model = serving.find(&request.model, request.version.as_ref()).ok_or(Refusal::Model)?;
        Ok(Permit { model })
    }
}

impl<'a> Permit<'a> {
    /// Which model it is for.
    pub(crate) fn model(&self) -> &'a LoadedModel {
        self.model
    }

    /// The model that may be run; the permit is used up.
    pub(crate) fn redeem(self) -> &'a LoadedModel {
        self.model
    }
}
