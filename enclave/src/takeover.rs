//! Taking over a release: judge, decrypt, load, and only then serve.
//!
//! Until the last step succeeds the old release is served; after it every session and offer of the old
//! one ends, so that clients judge the new one in full. Where none is served yet, as at a boot, the first one is
//! as soon as its smallest model is loaded, and each further model from when it is. Within a boot the epoch never goes back. A newer
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
use crate::load::{LoadError, Loader, ServedModel, Unlocked};
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

/// A release that can be served once its audit log is begun.
pub(crate) struct Ready {
    release: AcceptedRelease,
    bundle: Bundle,
    pub(crate) private: Private,
    models: BTreeMap<PackageId, Arc<ServedModel>>,
    watchers: Watchers,
    reporting: Option<Reporting>,
    /// What is still to be loaded while it is served, the smallest first.
    rest: Vec<Unlocked>,
}

impl Ready {
    /// The release as it is served from now on, what seals state from now on, and what is still to be loaded.
    pub(crate) fn serve(self, audit: Option<Arc<AuditLog>>) -> (Serving, StateKey, Vec<Unlocked>) {
        let Self { release, bundle, private, models, watchers, reporting, rest } = self;
        let grants = Grants::new(&private, release.controls());
        let Private { state_key, routes, .. } = private;
        let untreated = ModelControls::default();
        let asked = models.keys().map(|id| &id.name).chain(release.controls().routes.keys());
        let paces = asked.map(|name| (name.clone(), Pace::default())).collect();
        let serving =
            Serving { release, bundle, grants, routes, audit, reporting, untreated, watchers, models, paces };
        (serving, state_key, rest)
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
        let (models, unlocked) = self.models(release.release(), current).await?;
        fits::check(release.controls(), &private, &models).map_err(TakeoverError::Controls)?;
        let watchers = watch::watchers(release.controls(), &private, &models);
        let watchers = watchers.map_err(TakeoverError::Controls)?;
        let key = private.audit_key.as_ref();
        let reporting = Reporting::begin(release.controls(), key, &watchers, models.keys());
        let reporting = reporting.map_err(TakeoverError::Controls)?;
        let rest = self.load_first(unlocked, current.is_none()).await?;
        Ok(Ready { release, bundle, private, models, watchers, reporting, rest })
    }

    /// The models of a release, and which of them are to be loaded, the smallest first. Those that are loaded already are
    /// shared, not loaded twice.
    async fn models(
        &self,
        release: &Release,
        current: Option<&Serving>,
    ) -> Result<(BTreeMap<PackageId, Arc<ServedModel>>, Vec<Unlocked>), TakeoverError> {
        let (mut models, mut unlocked) = (BTreeMap::new(), Vec::new());
        for released in &release.models {
            let held = current.and_then(|current| current.models.get(&released.id));
            let same = |held: &&Arc<ServedModel>| held.digest == released.digest && held.engine.initialized();
            let model = if let Some(held) = held.filter(same) {
                self.host.log(Event::Loaded(&released.id)).await;
                Arc::clone(held)
            } else {
                let new = self.unlock(released).await;
                let model = released.id.clone();
                let new = new.map_err(|error| TakeoverError::Model { model, error })?;
                let model = Arc::clone(&new.model);
                unlocked.push(new);
                model
            };
            models.insert(released.id.clone(), model);
        }
        unlocked.sort_by_key(Unlocked::bytes);
        Ok((models, unlocked))
    }

    /// Loads what must be loaded before the release is served, and returns the rest: all but the first at a boot, and nothing
    /// where a release is served that this one takes the place of.
    async fn load_first(
        &self,
        mut unlocked: Vec<Unlocked>,
        boot: bool,
    ) -> Result<Vec<Unlocked>, TakeoverError> {
        let rest = if boot { unlocked.split_off(unlocked.len().min(1)) } else { Vec::new() };
        for one in &unlocked {
            self.load_one(one).await?;
        }
        Ok(rest)
    }

    /// Loads the engine of a model.
    pub(crate) async fn load_one(&self, unlocked: &Unlocked) -> Result<(), TakeoverError> {
        let model = unlocked.model.id.clone();
        match self.load(unlocked).await {
            Ok(()) => self.host.log(Event::Loaded(&model)).await,
            Err(error) => return Err(TakeoverError::Model { model, error }),
        }
        Ok(())
    }
}

fn newer(offered: u64, serving: u64) -> Result<(), TakeoverError> {
    if offered > serving { Ok(()) } else { Err(TakeoverError::RolledBack { offered, serving }) }
}
