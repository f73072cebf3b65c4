//! The measures, and what each changes in the newest release.

use std::fmt;

use strongroom_attestation::UnixMillis;
use strongroom_proto::name::Name;

use super::Common;
use super::lift::Ended;
use super::rollback;
use crate::error::{CliError, Result};
use crate::history::Record;
use crate::policy::incident::{Incident, Until};
use crate::policy::{self, time};

/// What to do.
#[derive(clap::Subcommand)]
pub(crate) enum Change {
    /// Accept API keys no longer
    Block(Box<Block>),
    /// Release nothing but labels, of some models or of all
    LabelOnly(Box<LabelOnly>),
    /// Do not serve models, organisations or keys for a time
    Freeze(Box<Freeze>),
    /// Go back to the models, policy and images of an earlier epoch; measures stay in force, and keys revoked since stay out
    Rollback(Box<Rollback>),
    /// Let nobody infer
    Lockdown(Box<Plain>),
    /// End measures
    Lift(Box<Lift>),
    /// Deliver the newest release once more, as it was made, to stores that it did not reach
    Deliver(Box<Plain>),
}

/// Arguments of `block`.
#[derive(clap::Args)]
pub(crate) struct Block {
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    common: Common,
}

/// API keys, by their SHA-256.
#[derive(clap::Args)]
pub(crate) struct Keys {
    /// An API key, by its SHA-256
    #[arg(long, value_name = "HEX", required = true, num_args = 1.., value_parser = key)]
    key_sha256: Vec<String>,
}

/// Arguments of `label-only`.
#[derive(clap::Args)]
pub(crate) struct LabelOnly {
    /// A model; absent: all of them
    #[arg(long, value_name = "NAME", num_args = 1..)]
    model: Vec<Name>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `freeze`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).multiple(true).args(["model", "organisation", "key_sha256"])))]
#[command(group(clap::ArgGroup::new("time").required(true).args(["until", "period"])))]
pub(crate) struct Freeze {
    /// A model
    #[arg(long, value_name = "NAME", num_args = 1..)]
    model: Vec<Name>,
    /// An organisation, with all its keys
    #[arg(long, value_name = "NAME", num_args = 1..)]
    organisation: Vec<Name>,
    /// An API key, by its SHA-256
    #[arg(long, value_name = "HEX", num_args = 1.., value_parser = key)]
    key_sha256: Vec<String>,
    /// The end, such as 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time::argument)]
    until: Option<UnixMillis>,
    /// How long from now, such as 90s, 30m, 2h or 7d
    #[arg(long = "for", value_name = "DURATION", value_parser = time::duration)]
    period: Option<std::time::Duration>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `rollback`.
#[derive(clap::Args)]
pub(crate) struct Rollback {
    /// The epoch whose content is released again
    #[arg(long, value_name = "EPOCH")]
    to: u64,
    /// Accept keys again that a later release has left out or let expire
    #[arg(long)]
    readmit: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `lift`.
#[derive(clap::Args)]
pub(crate) struct Lift {
    #[command(flatten)]
    ended: Ended,
    #[command(flatten)]
    common: Common,
}

/// Arguments of measures that need none of their own.
#[derive(clap::Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    common: Common,
}

/// A change, without the arguments that all have in common.
pub(super) enum Applied {
    Block(Vec<String>),
    LabelOnly(Vec<Name>),
    Freeze {
        models: Vec<Name>,
        organisations: Vec<Name>,
        keys: Vec<String>,
        end: End,
    },
    Rollback {
        to: u64,
        readmit: bool,
    },
    Lockdown,
    Lift(Ended),
    /// Changes nothing.
    Deliver,
}

/// The next release but for its epoch, and what its maker is told on stderr.
pub(super) struct Next {
    pub(super) record: Record,
    pub(super) notes: Vec<String>,
}

/// When a freeze ends.
pub(super) enum End {
    At(UnixMillis),
    After(std::time::Duration),
}

impl Change {
    /// The change, and the arguments that all have in common.
    pub(super) fn split(self) -> (Applied, Common) {
        match self {
            Self::Block(args) => (Applied::Block(args.keys.key_sha256), args.common),
            Self::LabelOnly(args) => (Applied::LabelOnly(args.model), args.common),
            Self::Rollback(args) => (Applied::Rollback { to: args.to, readmit: args.readmit }, args.common),
            Self::Lockdown(args) => (Applied::Lockdown, args.common),
            Self::Lift(args) => (Applied::Lift(args.ended), args.common),
            Self::Deliver(args) => (Applied::Deliver, args.common),
            Self::Freeze(args) => {
                let Freeze {
                    model: models,
                    organisation: organisations,
                    key_sha256: keys,
                    until,
                    period,
                    common,
                } = *args;
                let end = until.map_or_else(|| End::After(period.unwrap_or_default()), End::At);
                (Applied::Freeze { models, organisations, keys, end }, common)
            }
        }
    }
}

impl Applied {
    /// The next release.
    pub(super) fn applied(
        &self,
        newest: &Record,
        earlier: impl FnOnce(u64) -> Result<Record>,
        now: UnixMillis,
    ) -> Result<Next> {
        match self {
            Self::Rollback { to, .. } if *to >= newest.epoch => {
                Err(CliError::usage(format!("epoch {to} is not earlier than {}", newest.epoch)))
            }
            Self::Rollback { to, readmit } => rollback::to(earlier(*to)?, newest, *readmit, now),
            Self::Lift(ended) => ended.applied(newest),
            _ => {
                let mut record = newest.clone();
                self.add(&mut record.incident, now);
                Ok(Next { record, notes: Vec::new() })
            }
        }
    }

    /// Adds the measure to those in force.
    fn add(&self, incident: &mut Incident, now: UnixMillis) {
        match self {
            Self::Block(keys) => incident.blocked_keys.extend(keys.iter().cloned()),
            Self::LabelOnly(models) if models.is_empty() => drop(incident.label_only.insert("*".to_owned())),
            Self::LabelOnly(models) => incident.label_only.extend(models.iter().map(Name::to_string)),
            Self::Freeze { models, organisations, keys, end } => {
                let end = Until(end.from(now));
                let frozen = Incident {
                    frozen_models: models.iter().map(|name| (name.clone(), end)).collect(),
                    frozen_organisations: organisations.iter().map(|name| (name.clone(), end)).collect(),
                    frozen_keys: keys.iter().map(|key| (key.clone(), end)).collect(),
                    ..Incident::default()
                };
                incident.join(&frozen);
            }
            Self::Lockdown => incident.lockdown = true,
            Self::Rollback { .. } | Self::Lift(_) | Self::Deliver => {}
        }
    }
}

impl End {
    fn from(&self, now: UnixMillis) -> UnixMillis {
        match self {
            Self::At(end) => *end,
            Self::After(period) => now.plus(*period),
        }
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(_) => f.write_str("block"),
            Self::LabelOnly(_) => f.write_str("label-only"),
            Self::Freeze { .. } => f.write_str("freeze"),
            Self::Rollback { to, .. } => write!(f, "rollback to {to}"),
            Self::Lockdown => f.write_str("lockdown"),
            Self::Lift(_) => f.write_str("lift"),
            Self::Deliver => f.write_str("deliver"),
        }
    }
}

/// A digest in lower case, as it is compared and kept.
pub(super) fn key(text: &str) -> std::result::Result<String, String> {
    policy::digest(text).map(|key| hex::encode(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64, policy: &str) -> Record {
        let json = serde_json::json!({
            "deployment": "d", "epoch": epoch, "made_at_ms": 1, "why": "release", "valid_days": 7, "images": [],
            "models": [], "grants": [], "policy": policy, "audit_key": null, "incident": {},
        });
        serde_json::from_value(json).unwrap()
    }

    fn apply(change: &Applied, newest: &Record) -> Record {
        change.applied(newest, |epoch| Ok(record(epoch, "# old")), UnixMillis::new(1000)).unwrap().record
    }

    #[test]
    fn each_measure_changes_what_it_says_and_adds_to_earlier_ones() {
        let key = "ab".repeat(32);
        let blocked = apply(&Applied::Block(vec![key.clone()]), &record(3, "# new"));
        assert_eq!(blocked.incident.lines(), [format!("key {key} blocked")]);
        let labels = apply(&Applied::LabelOnly(vec!["fraud".parse().unwrap()]), &blocked);
        assert_eq!(labels.incident.lines().len(), 2);
        let all = apply(&Applied::LabelOnly(vec![]), &blocked);
        assert!(all.incident.label_only.contains("*"));
        let end = End::After(std::time::Duration::from_secs(9));
        let freeze = Applied::Freeze {
            models: vec![],
            organisations: vec!["acme".parse().unwrap()],
            keys: vec![key],
            end,
        };
        let frozen = apply(&freeze, &labels);
        assert_eq!(
            frozen.incident.frozen_organisations.values().next(),
            Some(&Until(UnixMillis::new(10_000)))
        );
        assert_eq!(frozen.incident.lines().len(), 4);
        assert!(apply(&Applied::Lockdown, &frozen).incident.lockdown);
    }

    #[test]
    fn old_content_comes_back_and_a_blocked_key_does_not() {
        let newest = apply(&Applied::Block(vec!["ab".repeat(32)]), &record(3, "# new"));
        let to = |to| Applied::Rollback { to, readmit: true };
        let back = apply(&to(2), &newest);
        assert_eq!((back.policy.as_str(), back.incident.blocked_keys.len()), ("# old", 1));
        for later in [3, 4] {
            assert!(to(later).applied(&newest, |_| Ok(record(1, "")), UnixMillis::new(1)).is_err());
        }
    }
}
