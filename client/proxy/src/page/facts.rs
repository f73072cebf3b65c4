//! What the page and `/status.json` state, gathered once for both.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use strongroom_attestation::release::Controls;
use strongroom_attestation::verify::{CheckLine, Transcript};
use strongroom_attestation::{PcrIndex, UnixMillis};
use strongroom_client::Held;

use crate::ready::in_time;
use crate::upstream::Upstream;

/// Everything that is shown.
#[derive(Serialize)]
pub(crate) struct Facts {
    /// Whether the trust file accepts a pretended enclave.
    pub simulation: bool,
    /// The verified enclave, where there is one.
    pub enclave: Option<Enclave>,
    /// Why there is none.
    pub reason: Option<String>,
    /// What went through.
    pub traffic: Vec<Traffic>,
}

/// A verified enclave.
#[derive(Serialize)]
pub(crate) struct Enclave {
    pub deployment: String,
    pub charter: String,
    pub release: String,
    pub epoch: u64,
    #[serde(rename = "not_after_ms")]
    pub not_after: UnixMillis,
    #[serde(rename = "verified_at_ms")]
    pub verified_at: UnixMillis,
    /// The locked registers.
    #[serde(serialize_with = "registers")]
    pub registers: Vec<(PcrIndex, String)>,
    /// Name, version and digest.
    pub models: Vec<(String, String, String)>,
    pub controls: Controls,
    pub checks: Vec<CheckLine>,
}

/// What one model, or route, was asked since the proxy started.
#[derive(Serialize)]
pub(crate) struct Traffic {
    pub name: String,
    pub answered: u64,
    pub failed: u64,
    pub median_us: Option<u128>,
    pub p99_us: Option<u128>,
}

impl Facts {
    pub(crate) async fn gather(upstream: &Arc<Upstream>) -> Self {
        let held = in_time(async {
            upstream.ready().await?;
            upstream.session().await
        });
        let (enclave, reason) = match held.await {
            Ok(held) => (Some(Enclave::of(&held)), None),
            Err(failure) => (None, Some(failure.message)),
        };
        // The trust file decides which root is accepted, so what was verified can lead to no other.
        let simulation = upstream.client().trust().is_simulation();
        Self { simulation, enclave, reason, traffic: traffic(upstream) }
    }
}

impl Enclave {
    fn of(held: &Held) -> Self {
        let (verified, transcript): (_, &Transcript) = (held.verified(), held.transcript());
        let (claims, accepted) = (verified.claims(), verified.release());
        let release = accepted.release();
        let models = claims.models.iter();
        Self {
            deployment: release.deployment.to_string(),
            charter: verified.charter().digest().to_string(),
            release: accepted.digest().to_string(),
            epoch: release.epoch,
            not_after: release.not_after,
            verified_at: held.opened(),
            registers: verified
                .attested()
                .pcrs()
                .iter()
                .map(|(index, value)| (*index, value.to_string()))
                .collect(),
            models: models
                .map(|own| (own.id.name.to_string(), own.id.version.to_string(), own.digest.to_string()))
                .collect(),
            controls: accepted.controls().clone(),
            checks: transcript.lines().to_vec(),
        }
    }
}

/// An object, by the register's name.
fn registers<S: Serializer>(own: &[(PcrIndex, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(own.iter().map(|(index, value)| (index.to_string(), value)))
}

fn traffic(upstream: &Upstream) -> Vec<Traffic> {
    let all = upstream.stats().all().into_iter();
    all.map(|(name, own)| Traffic {
        name: name.to_string(),
        answered: own.answered,
        failed: own.failed,
        median_us: own.quantile(0.5).map(|took| took.as_micros()),
        p99_us: own.quantile(0.99).map(|took| took.as_micros()),
    })
    .collect()
}
