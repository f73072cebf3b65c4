//! `audit verify`: whether a copy of the log is the enclaves', and whole.

use std::path::PathBuf;

use serde::Serialize;

use super::log::{LogArgs, WhoseArgs, calls, held, report};
use crate::audit::{Held, Judged, count_boots, judge};
use crate::command::receipt::read_receipt;
use crate::error::Result;
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::{files, secret};

/// Arguments of `audit verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    whose: WhoseArgs,
    /// The owner's audit key: opens each record, and finds that of each receipt
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Receipts of answers, whose records have to be there
    #[arg(long, value_name = "FILE", num_args = 1..)]
    receipt: Vec<PathBuf>,
    /// Heads that `audit head` kept, which the log has to reach
    #[arg(long, value_name = "FILE", num_args = 1..)]
    head: Vec<PathBuf>,
    /// CloudTrail's KMS events, whose enclaves have to have a log
    #[arg(long, value_name = "FILE", num_args = 1..)]
    cloudtrail: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Logs {
    logs: usize,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let trusted = args.whose.load()?;
    let key = args.key.as_deref().map(secret::audit_key).transpose()?;
    let small = |path: &std::path::Path| Ok(files::read(path, MAX_SMALL_FILE_BYTES)?.to_vec());
    let held = Held {
        key: key.as_ref(),
        receipts: held(&args.receipt, read_receipt)?,
        heads: held(&args.head, small)?,
        kms: !args.cloudtrail.is_empty(),
    };
    let calls = calls(&args.cloudtrail)?;
    let judged = judge(&args.log.open()?, &held, &|row, opening| trusted.judge(row, opening));
    let Judged { mut findings, logs } = judged.map_err(|error| args.log.failed(error))?;
    if held.kms {
        findings.extend(count_boots(&logs, &calls, &trusted.image_digests()).findings);
    }
    report(args.json, &findings, Logs { logs: logs.len() }, &format!("{} logs\n", logs.len()))
}
