//! `receipt verify`: what a kept receipt proves, offline.
//!
//! 1. The evidence passes every step of a client, at the time of its own document: with a trust file by its
//!    demands, without one by the root of AWS alone, and then whose image and charter it is says SKIP.
//! 2. The receipt is signed by the receipt key of the claims in it.
//! 3. It names the release, controls, boot and a model of these claims, and a demanded one.
//! 4. The release was in force at its time, which is not before the document that the clock goes by.
//! 5. Its treatment is not finer than every role's that may ask for this model.

pub(in crate::command) mod fields;
mod judge;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use strongroom_attestation::CheckLine;
use strongroom_attestation::receipt::MAX_RECEIPT_BYTES;

use crate::error::Result;
use crate::limits::MAX_EVIDENCE_BYTES;
use crate::trust::TrustArgs;
use crate::{files, output};

/// Arguments of `receipt`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verify a receipt with the evidence that was kept beside it
    Verify(Verify),
}

#[derive(clap::Args)]
struct Verify {
    /// The receipt
    receipt: PathBuf,
    /// The evidence of its session
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// Use no trust file, whatever environment or config file name: only AWS has to vouch for an enclave
    #[arg(long, conflicts_with_all = ["trust", "measurements"])]
    any_enclave: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    verdict: &'static str,
    checks: &'a [CheckLine],
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<fields::Fields>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Verify(args) => verify(args),
    }
}

fn verify(args: &Verify) -> Result<()> {
    let receipt = read_receipt(&args.receipt)?;
    let evidence = files::read(&args.evidence, MAX_EVIDENCE_BYTES)?;
    let trust = if args.any_enclave { None } else { args.trust.load_if_named()? };
    let (transcript, judged) = judge::judge(&receipt, &evidence, trust.as_ref());
    let fields = judged.as_ref().ok().map(fields::Fields::of);
    let (verdict, reason) = match &judged {
        Ok(_) => ("verified", None),
        Err(error) => ("refused", Some(error.to_string())),
    };
    let mut human: String = transcript.lines().iter().map(|line| format!("{line}\n")).collect();
    human.extend(fields.as_ref().map(ToString::to_string));
    human += &format!("verdict: {verdict}");
    human.extend(reason.map(|reason| format!(", {reason}")));
    output::result(args.json, &Report { verdict, checks: transcript.lines(), receipt: fields }, &human)?;
    judged.map(drop)
}

/// Reads a receipt. Longer than any is none.
pub(super) fn read_receipt(path: &Path) -> Result<Vec<u8>> {
    Ok(files::read(path, MAX_RECEIPT_BYTES as u64)?.to_vec())
}
