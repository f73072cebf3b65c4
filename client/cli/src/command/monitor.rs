//! `monitor`: what an owner sees of the use of its models.

mod show;

use clap::Subcommand;

use crate::error::Result;

/// Arguments of `monitor`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Owner: open the reports that a host kept, as text or a plot
    Show(show::Args),
}

pub(crate) fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Show(args) => show::run(&args),
    }
}
