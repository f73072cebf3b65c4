//! `man`: the pages of the manual, one for each command.

use std::path::PathBuf;

use clap_mangen::Man;

use crate::error::{CliError, Result};
use crate::{cli, files, output};

/// Arguments of `man`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write a page for each command into this folder, in place of printing the first one
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut root = cli::definition().disable_help_subcommand(true);
    root.build();
    let Some(folder) = &args.out else { return output::bytes(&page(root)?.1) };
    std::fs::create_dir_all(folder).map_err(CliError::file(folder))?;
    let mut open = vec![root];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().cloned());
        let (name, page) = page(command)?;
        files::write(&folder.join(name), &page)?;
    }
    Ok(())
}

/// The name of a command's page, and the page.
fn page(command: clap::Command) -> Result<(String, Vec<u8>)> {
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render(&mut page).map_err(|error| CliError::Stdout(error.kind()))?;
    Ok((man.get_filename(), page))
}
