//! `completions`: what a shell completes after `strongroom`.

use clap_complete::Shell;

use crate::error::Result;
use crate::{cli, output};

/// Arguments of `completions`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "strongroom", &mut script);
    output::bytes(&script)
}
