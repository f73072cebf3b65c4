//! `audit boots`: how often the allowance of one boot was there to be used.

use std::path::PathBuf;

use super::log::{LogArgs, WhoseArgs, calls, report};
use crate::audit::{Held, count_boots, judge};
use crate::error::Result;

/// Arguments of `audit boots`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    whose: WhoseArgs,
    /// CloudTrail's KMS events: files of a trail, or what `aws cloudtrail lookup-events` prints
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    cloudtrail: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let trusted = args.whose.load()?;
    let calls = calls(&args.cloudtrail)?;
    let held = Held { kms: true, ..Held::default() };
    let judged = judge(&args.log.open()?, &held, &|row, opening| trusted.judge(row, opening));
    let judged = judged.map_err(|error| args.log.failed(error))?;
    let boots = count_boots(&judged.logs, &calls, &trusted.image_digests());
    // Only logs of accepted enclaves are counted: what `audit verify` finds wrong with the others is said here too.
    let mut findings: Vec<_> =
        judged.findings.into_iter().filter(|finding| finding.id == "document").collect();
    findings.extend(boots.findings.iter().cloned());
    report(args.json, &findings, &boots, &format!("{}\n", boots.words()))
}
