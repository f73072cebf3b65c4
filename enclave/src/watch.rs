//! Watching a model: what its detectors say of a request, and what follows for the answer.
//!
//! Detectors look at the inputs as the client sent them and at the outputs as the model computed them. What they
//! decide shows in the answer as a treatment or a refusal, and never how close anybody is to either.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{Controls, Monitored, Private, Treatment, Unlike, Watch};
use strongroom_controls::Caller;
use strongroom_monitor::watermark::Flips;
use strongroom_monitor::{Asker, Level, Monitor, Profile, Rows};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::message::{MAX_TOLD_ROWS, Refusal};
use strongroom_seal::tensor::Tensor;

use crate::load::ServedModel;

/// Watchers by the name of their model.
pub(crate) type Watchers = BTreeMap<Name, Arc<Watcher>>;

/// The detectors of one model, and what they may do.
pub(crate) struct Watcher {
    monitor: Monitor,
    watch: Watch,
    flips: Flips,
}

/// What the detectors of one model say of a request.
pub(crate) struct Watched {
    pub(crate) level: Level,
    pub(crate) rows: Rows,
    unlike: Vec<usize>,
}

/// Makes the watchers of a release.
pub(crate) fn watchers(
    controls: &Controls,
    private: &Private,
    models: &BTreeMap<PackageId, Arc<ServedModel>>,
) -> Result<Watchers, &'static str> {
    let mut watchers = Watchers::new();
    for (name, monitored) in &private.monitors {
        let watch = controls.model(name).and_then(|model| model.watch).unwrap_or_default();
        let mut named = models.values().filter(|model| model.id.name == *name);
        let (Some(model), None) = (named.next(), named.next()) else {
            return Err("a model of several versions is watched");
        };
        let watcher = Watcher::new(monitored, watch, model)?;
        watchers.insert(name.clone(), Arc::new(watcher));
    }
    Ok(watchers)
}

/// Lets each watcher go on where the one before it stands. Done last, when the others are about to be replaced: what they see
/// later is forgotten.
pub(crate) fn succeed(watchers: &Watchers, before: &Watchers) {
    for (name, watcher) in watchers {
        if let Some(before) = before.get(name) {
            watcher.monitor.succeed(&before.monitor);
        }
    }
}

impl Watcher {
    fn new(monitored: &Monitored, watch: Watch, model: &ServedModel) -> Result<Self, &'static str> {
        let profile =
            Profile::decode(&monitored.profile).map_err(|_| "the profile of a watched model is none")?;
        profile.fits(&model.interface, &watch)?;
        let flips = Flips::new(&model.watermark, watch.flips.unwrap_or(0.0), &profile);
        let flips = flips.map_err(|_| "no watermark key could be derived")?;
        Ok(Self { monitor: Monitor::new(profile, monitored.rules), watch, flips })
    }

    /// What the model's data looks like.
    pub(crate) fn profile(&self) -> &Arc<Profile> {
        self.monitor.profile()
    }

    /// Whether the key is served at all now.
    pub(crate) fn admit(&self, caller: &Caller, now: UnixMillis) -> Result<(), Refusal> {
        if !self.watch.reacts {
            return Ok(());
        }
        suspended(self.monitor.level(&asker(caller), now), now)
    }

    /// Counts a request that was refused for what it said.
    pub(crate) fn failed(&self, caller: &Caller, now: UnixMillis) {
        self.monitor.failed(&asker(caller), now);
    }

    /// Looks at the rows of a request and at what the model said of them.
    pub(crate) fn look(
        &self,
        caller: &Caller,
        inputs: &[Tensor<'_>],
        outputs: &[Tensor<'_>],
        now: UnixMillis,
    ) -> Result<Watched, Refusal> {
        // Whoever is not where the profile looks cannot be judged, and is not served.
        let rows = Rows::find(self.monitor.profile(), inputs, outputs).ok_or(Refusal::Failed)?;
        let seen = self.monitor.observe(&asker(caller), &rows, now);
        let level = if self.watch.reacts { seen.level } else { Level::Full };
        Ok(Watched { level, rows, unlike: seen.unlike })
    }

    /// Whether the request is answered after all that was seen.
    pub(crate) fn judge(&self, watched: &Watched, now: UnixMillis) -> Result<(), Refusal> {
        suspended(watched.level, now)?;
        if self.watch.unlike == Unlike::Refused && !watched.unlike.is_empty() {
            let rows = watched.unlike.iter().take(MAX_TOLD_ROWS).map(|row| *row as u64).collect();
            return Err(Refusal::OutOfDistribution { rows });
        }
        Ok(())
    }

    /// Puts other classes in place of the model's where the controls say so.
    pub(crate) fn alter(&self, watched: &Watched, outputs: &mut [Tensor<'static>]) {
        let Watched { rows, unlike, .. } = watched;
        let profile = self.monitor.profile();
        if self.watch.unlike == Unlike::Misinformed {
            let _ = self.flips.misinform(rows, unlike, outputs, profile);
        }
        if self.watch.flips.is_some() {
            let _ = self.flips.apply(rows, outputs, profile);
        }
    }
}

impl Watched {
    /// A treatment that is no finer than the key's level allows.
    pub(crate) fn limit(&self, treatment: Treatment) -> Treatment {
        self.level.limit(treatment)
    }
}

fn asker(caller: &Caller) -> Asker<'_> {
    Asker { key: caller.key(), organisation: caller.organisation().map(|(name, _)| name) }
}

fn suspended(level: Level, now: UnixMillis) -> Result<(), Refusal> {
    match level {
        Level::Suspended(until) if now < until => {
            // In whole seconds, as what others do shows in it where an organisation is suspended.
            let left = until.as_millis() - now.as_millis();
            Err(Refusal::Suspended { retry_after_ms: left.div_ceil(1000) * 1000 })
        }
        _ => Ok(()),
    }
}
