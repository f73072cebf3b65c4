//! `audit export`: records for a SIEM. The file holds what the owner alone can read: mode 0600, never replaced, and all
//! records or none.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;
use strongroom_attestation::audit::AuditPrivateKey;

use super::log::LogArgs;
use crate::audit::{CSV_HEADER, Row, Source, rows};
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
    let records = files::fill_private(&args.out, |out| args.written(&source, &key, out))?;
    output::note("`strongroom audit verify` says whether these are all");
    output::result(args.json, &Exported { records }, &format!("{records} records"))
}

impl Args {
    /// Writes every record, and says how many there are.
    fn written(&self, source: &Source, key: &AuditPrivateKey, out: File) -> Result<u64> {
        let mut out = BufWriter::new(out);
        let (mut written, mut records) = (Ok(()), 0_u64);
        if matches!(self.format, Format::Csv) {
            written = writeln!(out, "{CSV_HEADER}");
        }
        let read = rows(source, key, &mut |row| {
            if written.is_ok() {
                written = self.format.line(&row).and_then(|line| writeln!(out, "{line}"));
                records += 1;
            }
        });
        read.map_err(|error| self.log.failed(error))?;
        let synced = written.and_then(|()| out.flush()).and_then(|()| out.get_ref().sync_all());
        synced.map_err(CliError::file(&self.out))?;
        Ok(records)
    }
}
