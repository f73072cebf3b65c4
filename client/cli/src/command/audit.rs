//! `audit`: what an owner or auditor does with the log that a host keeps.

mod boots;
mod export;
mod head;
mod log;
mod show;
mod verify;

use clap::Subcommand;

use crate::error::Result;

/// Arguments of `audit`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge a copy of the log: one line a finding
    Verify(Box<verify::Args>),
    /// Owner: print the records of a copy
    Show(show::Args),
    /// Owner: write the records of a copy for other programs
    Export(export::Args),
    /// Ask an enclave how far its log has come, signed, and keep that
    Head(head::Args),
    /// Count the boots of the log against the KMS call records of CloudTrail
    Boots(boots::Args),
}

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Verify(args) => verify::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Head(args) => head::run(args).await,
        Command::Boots(args) => boots::run(&args),
    }
}
