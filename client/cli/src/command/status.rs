//! `status`: how a verified enclave does, for an operator whose role allows it.

use strongroom_seal::message::EnclaveStatus;

use crate::asking::AskArgs;
use crate::error::Result;
use crate::output;
use crate::words::utc;
use strongroom_attestation::UnixMillis;

/// Arguments of `status`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ask: AskArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let asking = args.ask.connect(None)?;
    let status = asking.done(asking.client.status().await)?;
    output::result(args.json, &status, &words(&status))
}

fn words(status: &EnclaveStatus) -> String {
    let models = status.models.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let lines = [
        format!("up: {} s", status.uptime_ms / 1000),
        format!("epoch: {}", status.epoch),
        format!("in force until: {}", utc(UnixMillis::new(status.not_after_ms))),
        format!("models: {models}"),
        format!("sessions: {}", status.sessions),
        format!("answered: {}", status.answered),
        format!("lost to a panic: {}", status.panics),
        format!("audit records that the host has not confirmed: {}", status.audit_pending),
    ];
    lines.join("\n")
}
