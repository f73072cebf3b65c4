//! `incident`: a measure against an attack that goes on, as the next release.
//!
//! The newest release of the history is made again with one change under the next epoch, written into the
//! stores of hosts, and looked for in the evidence of enclaves. Nothing here has a way around a release: an
//! enclave obeys it as it obeys every other, and clients see the new epoch.

mod acknowledge;
mod change;
mod lift;
mod rollback;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::release::{Authority, Made, Owner, Told};
use crate::error::{CliError, Result};
use crate::history::{History, Record};
use crate::limits::{DEFAULT_ACKNOWLEDGE_SECONDS, MAX_ACKNOWLEDGE_SECONDS};
use crate::secret::shown;
use crate::{files, output, owner, progress, trust};
use acknowledge::Acknowledged;
pub(crate) use change::Change;
use change::{Applied, Next};

/// The file of a host's store that holds its release.
const RELEASE_FILE: &str = "release.bundle";

/// Arguments of every measure.
#[derive(clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    authority: Authority,
    /// The owner's history, as `release --history` keeps it
    #[arg(long, value_name = "DIR")]
    history: PathBuf,
    /// A host's store: the release is put in the place of the one that is served
    #[arg(long, value_name = "DIR", num_args = 1.., required_unless_present = "out")]
    store: Vec<PathBuf>,
    /// Where the release bundle goes beside that, to be brought to other hosts
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A host whose enclave has to serve the release before the command ends
    #[arg(long, num_args = 1.., requires = "trust")]
    url: Vec<String>,
    /// What is demanded of those enclaves; it has to leave models and controls to the owner
    #[arg(long, value_name = "FILE", requires = "url")]
    trust: Option<PathBuf>,
    /// Images that the owner has published, where the trust file names their signer in place of images
    #[arg(long, value_name = "FILE", requires = "trust")]
    measurements: Option<PathBuf>,
    /// How long to wait for that
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ACKNOWLEDGE_SECONDS, value_parser = clap::value_parser!(u64).range(1..=MAX_ACKNOWLEDGE_SECONDS))]
    wait_seconds: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Done {
    release: Told,
    measures: Vec<String>,
    written: Vec<String>,
    acknowledged: Vec<Acknowledged>,
}

pub(crate) async fn run(change: Change) -> Result<()> {
    let (change, common) = change.split();
    // Looked at before anything is made: what is wrong must not be found after an epoch is used up.
    if let Some(missing) = common.store.iter().find(|store| !store.is_dir()) {
        return Err(CliError::usage(format!("--store {} is not a folder", shown(missing))));
    }
    let load = |path: &PathBuf| trust::load(path, common.measurements.as_deref());
    let trust = common.trust.as_ref().map(load).transpose()?;
    let owner = common.authority.owner()?;
    let history = History::existing(&common.history)?;
    let deployment = &owner.charter.charter().deployment;
    let newest = history.newest(deployment)?;
    let newest = newest
        .ok_or_else(|| CliError::usage("the history holds no release: make one with `release --history`"))?;
    let (record, made) = match change {
        Applied::Deliver => {
            let made = owner.again(&newest, &history.bundle(newest.epoch)?)?;
            (newest, made)
        }
        change => next(&change, &newest, &owner, &history).await?,
    };
    let written = common.deliver(&made.bundle)?;
    let epoch = made.told.epoch;
    let mut done =
        Done { release: made.told, measures: record.incident.lines(), written, acknowledged: Vec::new() };
    let missing = match trust {
        Some(trust) => {
            let wait = Duration::from_secs(common.wait_seconds);
            let waiting = progress::busy("waiting for the enclaves");
            let (acknowledged, missing) = acknowledge::wait(&common.url, &trust, epoch, wait).await;
            drop(waiting);
            done.acknowledged = acknowledged;
            missing
        }
        None => Vec::new(),
    };
    output::result(common.json, &done, &done.to_string())?;
    if missing.is_empty() { Ok(()) } else { Err(CliError::Unacknowledged(missing.join("\n"))) }
}

/// The newest release with the change, made and added to the history.
async fn next(
    change: &Applied,
    newest: &Record,
    owner: &Owner<'_>,
    history: &History,
) -> Result<(Record, Made)> {
    let earlier = |epoch| history.record(&newest.deployment, epoch);
    let Next { mut record, notes } = change.applied(newest, earlier, owner::now())?;
    notes.iter().for_each(|line| output::note(line));
    record.epoch = newest.epoch + 1;
    record.made_at_ms = owner::now();
    record.why = format!("incident {change}");
    let made = owner.make(&record, history.state_key()?).await?;
    history.add(&record, &made.bundle)?;
    Ok((record, made))
}

impl Common {
    /// Writes the bundle wherever it has to go; one store that fails does not keep it from the others.
    fn deliver(&self, bundle: &[u8]) -> Result<Vec<String>> {
        let mut failed = None;
        let mut written = Vec::new();
        let delivering = progress::steps("delivering", self.store.len() + usize::from(self.out.is_some()));
        for path in self.store.iter().map(|store| store.join(RELEASE_FILE)).chain(self.out.clone()) {
            match files::write(&path, bundle) {
                Ok(()) => {
                    delivering.step();
                    written.push(path.display().to_string());
                }
                Err(error) => {
                    output::warn(&format!("not delivered: {error}"));
                    failed = Some(error);
                }
            }
        }
        if let Some(out) = &self.out {
            output::note(&format!(
                "upload {} as {RELEASE_FILE} to the stores that are not folders of this machine",
                out.display()
            ));
        }
        if failed.is_some() {
            output::note(
                "`strongroom incident deliver` delivers it again once that is mended, under the same epoch",
            );
        }
        failed.map_or(Ok(written), Err)
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.release)?;
        self.measures.iter().try_for_each(|line| write!(f, "\nmeasure  {line}"))?;
        self.written.iter().try_for_each(|path| write!(f, "\nwritten  {path}"))?;
        self.acknowledged.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}
