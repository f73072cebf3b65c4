//! `audit export`: records for a SIEM. The file holds what the owner alone can read: mode 0600, never replaced.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::log::LogArgs;
use crate::audit::{CSV_HEADER, Row, rows};
use crate::error::{CliError, Result};
use crate::{files, output, secret};

/// Arguments of `audit export`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    log: LogArgs,
    /// The owner's audit key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the records go: a new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// One JSON object a line, or CSV with a first line of names
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Exported {
    records: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

impl Format {
    fn line(self, row: &Row) -> std::io::Result<String> {
        match self {
            Self::Csv => Ok(row.csv()),
            Self::Jsonl => Ok(serde_json::to_string(row)?),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<()> {
    let key = secret::audit_key(&args.key)?;
    let source = args.log.open()?;
    let mut out = std::io::BufWriter::new(files::create_private(&args.out)?);
    let (mut written, mut records) = (Ok(()), 0_u64);
    if matches!(args.format, Format::Csv) {
        written = writeln!(out, "{CSV_HEADER}");
    }
    let read = rows(&source, &key, &mut |row| {
        if written.is_ok() {
            written = args.format.line(&row).and_then(|line| writeln!(out, "{line}"));
            records += 1;
        }
    });
    read.map_err(|error| args.log.failed(error))?;
    written.and_then(|()| out.flush()).map_err(CliError::file(&args.out))?;
    output::note("`strongroom audit verify` says whether these are all");
    output::result(args.json, &Exported { records }, &format!("{records} records"))
}
