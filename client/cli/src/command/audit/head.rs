//! `audit head`: the enclave's own word on how far its log has come, kept where no host can reach it.

use std::path::PathBuf;

use crate::asking::AskArgs;
use crate::error::{CliError, Result};
use crate::{files, output};

/// Arguments of `audit head`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    ask: AskArgs,
    /// Where the signed head goes (COSE)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let asking = args.ask.connect(None)?;
    // The library has verified the signature under the receipt key of the claims.
    let report = asking.done(asking.client.audit().await)?;
    let Some(segment) = report.segment else {
        return Err(CliError::usage("the release keeps no audit log, so there is no head of it"));
    };
    files::write(&args.out, &report.checkpoint)?;
    let json =
        serde_json::json!({ "segment": segment, "records": report.records, "confirmed": report.confirmed });
    let human = format!(
        "{} records in log {segment} of this boot; the host has confirmed {}",
        report.records, report.confirmed
    );
    output::result(args.json, &json, &human)
}
