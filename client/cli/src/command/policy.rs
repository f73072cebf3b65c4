//! `policy check`: what does not fit together in a policy, before a release is made of it.

use std::path::PathBuf;

use serde::Serialize;

use super::release::sealed_facts;
use crate::error::{CliError, Result};
use crate::policy::{Circumstances, Finding, KeyGrant, Level, Policy};
use crate::{output, owner};

/// Arguments of `policy`.
#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Find contradictions; an error exits with 2, a warning with 0
    Check(Check),
}

/// Arguments of `policy check`.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// A sealed model of the release; without any, models are taken to be whatever the policy says
    #[arg(long, value_name = "SEALED", num_args = 1..)]
    model: Vec<PathBuf>,
    /// API keys that `release` will be given beside the policy
    #[arg(long, value_name = "HEX[:MODEL,…]", num_args = 1..)]
    api_key_sha256: Vec<KeyGrant>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    verdict: &'static str,
    findings: Vec<Finding>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let Args::Check(args) = args;
    let policy = Policy::read(Some(&args.policy))?;
    let models = args.model.iter().map(|path| sealed_facts(path)).collect::<Result<Vec<_>>>()?;
    let given = Circumstances {
        grants: &args.api_key_sha256,
        models: Some(models.as_slice()).filter(|models| !models.is_empty()),
        now: owner::now(),
    };
    let findings = policy.draft(policy.incident(), given).findings.into_vec();
    let refused = findings.iter().any(|finding| finding.level == Level::Error);
    let verdict = if refused { "refused" } else { "usable" };
    let mut human: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    human += &format!("verdict: {verdict}");
    output::result(args.json, &Report { verdict, findings }, &human)?;
    if refused { Err(CliError::PolicyErrors) } else { Ok(()) }
}
