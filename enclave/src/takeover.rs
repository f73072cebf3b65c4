//! Taking over a release: judge, decrypt, load, and only then serve.
//!
//! Until the last step succeeds the old release is served; after it every session and offer of the old
//! one ends, so that clients judge the new one in full. Within a boot the epoch never goes back. A newer
//! release that does not list this image withdraws it: nothing is served until a still newer one lists it.

mod fits;

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_attestation::release::{
    AcceptedRelease, Bundle, ModelControls, Private, Release, ReleaseContext, ReleaseError,
};
use strongroom_controls::Grants;
use strongroom_proto::name::PackageId;
use strongroom_seal::secret::StateKey;

use crate::audit::{AuditLog, LogError};
use crate::event::Event;
use crate::load::{LoadError, LoadedModel, Loader};
use crate::pace::Pace;
use crate::serving::Serving;
use crate::telemetry::Reporting;
use crate::watch::{self, Watchers};

/// Why a release was not taken over. Public: it names no content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeoverError {
    /// The release itself.
    #[error("{0}")]
    Release(#[from] ReleaseError),
    /// Not newer than the one in force.
    #[error("epoch {offered} is not above {serving}, which this boot has seen")]
    RolledBack {
        /// Epoch of the offered release.
        offered: u64,
        /// The highest epoch of this boot.
        serving: u64,
    },
    /// Newer than the one in force, and without this image: the owner has withdrawn it.
    #[error("release {epoch} does not list this image")]
    Withdrawn {
        /// Epoch of the release that does not list it.
        epoch: u64,
    },
    /// One of its packages.
    #[error("private part: {0}")]
    Private(LoadError),
    /// Its controls do not fit its models.
    #[error("controls: {0}")]
    Controls(&'static str),
    /// Its audit log could not be begun.
    #[error("audit log: {0}")]
    Audit(LogError),
    /// One of its models.
    #[error("{model}: {error}")]
    Model {
        /// Which model.
        model: PackageId,
        /// Why it did not load.
        error: LoadError,
    },
}

impl TakeoverError {
    /// Whether the same release may be taken over later: KMS or the host were not there.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Release(error) => *error == ReleaseError::NotYet,
            Self::RolledBack { .. } | Self::Withdrawn { .. } | Self::Controls(_) => false,
            Self::Audit(error) => matches!(error, LogError::Document(_)),
            Self::Private(error) | Self::Model { error, .. } => error.may_pass(),
        }
    }
}

/// A release with everything loaded, before its audit log is begun.
pub(crate) struct Ready {
    release: AcceptedRelease,
    bundle: Bundle,
    pub(crate) private: Private,
    models: BTreeMap<PackageId, Arc<LoadedModel>>,
    watchers: Watchers,
    reporting: Option<Reporting>,
}

impl Ready {
    /// The release as it is served from now on, and what seals state from now on.
    pub(crate) fn serve(self, audit: Option<Arc<AuditLog>>) -> (Serving, StateKey) {
        let Self { release, bundle, private, models, watchers, reporting } = self;
        let grants = Grants::new(&private, release.controls());
        let Private { state_key, routes, .. } = private;
        let untreated = ModelControls::default();
        let asked = models.keys().map(|id| &id.name).chain(release.controls().routes.keys());
        let paces = asked.map(|name| (name.clone(), Pace::default())).collect();
        let serving =
            Serving { release, bundle, grants, routes, audit, reporting, untreated, watchers, models, paces };
        (serving, state_key)
    }
}

impl Loader {
    /// Makes a release ready to be served in place of `current`. Its epoch must be above `floor`.
    pub(crate) async fn take_over(
        &self,
        bundle: &[u8],
        current: Option<&Serving>,
        floor: u64,
    ) -> Result<Ready, TakeoverError> {
        let bundle = Bundle::decode(bundle)?;
        let context = ReleaseContext {
            charter: self.measured.charter(),
            image: self.measured.image(),
            now: self.measured.clock().now(),
        };
        let release = match AcceptedRelease::judge(bundle.public(), context) {
            // Seen again, it says the same.
            Err(ReleaseError::Image { epoch }) if epoch > floor || (epoch == floor && current.is_none()) => {
                return Err(TakeoverError::Withdrawn { epoch });
            }
            judged => judged?,
        };
        newer(release.release().epoch, floor)?;
        let private =
            self.private(release.release(), &bundle.private).await.map_err(TakeoverError::Private)?;
        private.check(release.controls())?;
        let models = self.models(release.release(), current).await?;
        fits::check(release.controls(), &private, &models).map_err(TakeoverError::Controls)?;
        let before = current.map(|current| &current.watchers);
        let watchers = watch::watchers(release.controls(), &private, &models, before);
        let watchers = watchers.map_err(TakeoverError::Controls)?;
        let key = private.audit_key.as_ref();
        let reporting = Reporting::begin(release.controls(), key, &watchers, models.keys());
        let reporting = reporting.map_err(TakeoverError::Controls)?;
        Ok(Ready { release, bundle, private, models, watchers, reporting })
    }

    /// Loads the models of a release; those that are loaded already are shared, not loaded twice.
    async fn models(
        &self,
        release: &Release,
        current: Option<&Serving>,
    ) -> Result<BTreeMap<PackageId, Arc<LoadedModel>>, TakeoverError> {
        let mut models = BTreeMap::new();
        for released in &release.models {
            let held = current.and_then(|current| current.models.get(&released.id));
            let model = match held.filter(|held| held.digest == released.digest) {
                Some(held) => Arc::clone(held),
                None => {
                    let loaded = self.model(released).await;
                    let model = released.id.clone();
                    Arc::new(loaded.map_err(|error| TakeoverError::Model { model, error })?)
                }
            };
            self.host.log(Event::Loaded(&released.id)).await;
            models.insert(released.id.clone(), model);
        }
        Ok(models)
    }
}

fn newer(offered: u64, serving: u64) -> Result<(), TakeoverError> {
    if offered > serving { Ok(()) } else { Err(TakeoverError::RolledBack { offered, serving }) }
}
