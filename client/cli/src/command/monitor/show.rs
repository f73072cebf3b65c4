//! `monitor show`: sealed reports in words, as JSON or as a plot over time.

use std::path::PathBuf;

use strongroom_proto::name::Name;

use crate::error::{CliError, Result};
use crate::monitor::{Opened, json, plot, words};
use crate::secret::shown;
use crate::{files, output, secret};

/// Arguments of `monitor show`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The host's audit.db, or a copy
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The owner's audit key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// This model alone
    #[arg(long, value_name = "NAME")]
    model: Option<Name>,
    /// Write a plot over time (SVG)
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Print JSON, one report a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let key = secret::audit_key(&args.key)?;
    let opened = Opened::read(&args.db, &key)
        .map_err(|error| CliError::AuditSource { path: args.db.clone(), error })?;
    if opened.closed > 0 {
        output::warn(&format!("{} reports are not sealed to this key, or were changed", opened.closed));
    }
    if opened.reports.is_empty() {
        return Err(CliError::usage(format!("{} holds no report for this key", shown(&args.db))));
    }
    let models = opened.models(args.model.as_ref());
    if models.is_empty() {
        return Err(CliError::usage("no report is of this model"));
    }
    if let Some(path) = &args.plot {
        files::write(path, plot(&opened.reports, &models).as_bytes())?;
    }
    if args.json {
        return opened.reports.iter().try_for_each(|report| output::json(&json(report, &models)));
    }
    output::line(words(&opened.reports, &models).trim_end())
}
