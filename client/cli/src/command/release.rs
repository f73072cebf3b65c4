//! `release`: which sealed models an enclave serves, to whom, on which images, and until when.

mod make;
mod sealed;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use strongroom_attestation::charter::SignedCharter;
use strongroom_seal::secret::StateKey;

use crate::error::{CliError, Result};
use crate::history::{History, Record};
use crate::limits::MAX_VALID_DAYS;
use crate::policy::incident::Incident;
use crate::policy::{KeyGrant, Policy};
use crate::{files, image, output, owner};

pub(super) use make::{Authority, Made, Owner, Told};
pub(super) use sealed::{facts as sealed_facts, header as sealed_header};

/// Arguments of `release`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    authority: Authority,
    /// Counts up with every release; an enclave and a client never go back. Absent: one more than the newest of --history
    #[arg(long, value_name = "N", required_unless_present = "history")]
    epoch: Option<u64>,
    /// Measurements of an image that may serve it, as `nitro-cli build-enclave` prints them
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    image: Vec<PathBuf>,
    /// A sealed model
    #[arg(long, value_name = "SEALED", required = true, num_args = 1..)]
    model: Vec<PathBuf>,
    /// An API key that may ask, by its SHA-256, and optionally which models
    #[arg(long, value_name = "HEX[:MODEL,…]", num_args = 1..)]
    api_key_sha256: Vec<KeyGrant>,
    /// The policy: keys, roles, limits, treatments and routes, in TOML
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A folder of the owner that remembers releases, so that `incident` can make the next one
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
    /// How long the release is in force
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=MAX_VALID_DAYS))]
    valid_days: u64,
    /// Where the release bundle goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    let owner = args.authority.owner()?;
    let history = args.history.as_deref().map(History::open).transpose()?;
    let newest = match &history {
        Some(history) => history.newest(&owner.charter.charter().deployment)?,
        None => None,
    };
    let record = args.record(&owner.charter, newest.as_ref())?;
    let made = owner.make(&record, state_key(history.as_ref(), args.policy.is_some())?).await?;
    if let Some(history) = &history {
        history.add(&record, &made.bundle)?;
    }
    files::write(&args.out, &made.bundle)?;
    output::result(args.json, &made.told, &made.told.to_string())
}

impl Args {
    fn record(&self, charter: &SignedCharter, newest: Option<&Record>) -> Result<Record> {
        let policy = Policy::read(self.policy.as_deref())?;
        let next = newest.map_or(charter.charter().least_epoch.max(1), |newest| newest.epoch + 1);
        let epoch = self.epoch.unwrap_or(next);
        if newest.is_some_and(|newest| epoch <= newest.epoch) {
            return Err(CliError::usage(format!("the history has epoch {} already", next - 1)));
        }
        Ok(Record {
            deployment: charter.charter().deployment.clone(),
            epoch,
            made_at_ms: owner::now(),
            why: "release".to_owned(),
            valid_days: self.valid_days,
            images: self.image.iter().map(|path| image::read(path)).collect::<Result<_>>()?,
            models: self.model.iter().map(|path| sealed::read(path, charter)).collect::<Result<_>>()?,
            grants: self.api_key_sha256.iter().map(|grant| grant.as_str().to_owned()).collect(),
            incident: incident(&policy, newest),
            audit_key: policy.audit_key().map(|key| hex::encode(key.as_bytes())),
            profiles: policy
                .profiles()
                .iter()
                .map(|(name, bytes)| (name.clone(), STANDARD.encode(bytes)))
                .collect(),
            policy: policy.text.to_string(),
        })
    }
}

/// Measures of the policy itself, and those still in force: a routine release does not end an incident.
fn incident(policy: &Policy, newest: Option<&Record>) -> Incident {
    let mut incident = policy.incident().clone();
    if let Some(newest) = newest.filter(|newest| !newest.incident.is_none()) {
        incident.join(&newest.incident);
        output::note("measures of an incident stay in force; `strongroom incident lift` ends them:");
        incident.lines().iter().for_each(|line| output::note(&format!("  {line}")));
    }
    incident
}

fn state_key(history: Option<&History>, has_policy: bool) -> Result<StateKey> {
    if let Some(history) = history {
        return history.state_key();
    }
    if has_policy {
        output::warn(
            "without --history the state key is new: counters of earlier boots are lost at the next restart",
        );
    }
    StateKey::generate(&SystemRandom::new()).map_err(|_| CliError::Random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routine_release_does_not_end_an_incident() {
        let policy = Policy::parse("[incident]\nlabel_only = [\"fraud\"]\n", None).unwrap();
        assert_eq!(incident(&policy, None).lines().len(), 1, "the policy's own measures");
        let json = serde_json::json!({
            "deployment": "d", "epoch": 1, "made_at_ms": 1, "why": "incident block", "valid_days": 7, "images": [],
            "models": [], "grants": [], "policy": "", "audit_key": null,
            "incident": { "blocked_keys": ["ab".repeat(32)] },
        });
        let newest: Record = serde_json::from_value(json).unwrap();
        assert_eq!(incident(&policy, Some(&newest)).lines().len(), 2, "and those still in force");
    }
}
