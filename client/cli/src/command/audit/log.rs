//! What the commands share: the copy, whose logs are accepted, call records, and how findings are printed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::evidence::{CharterDemand, EvidenceError};
use strongroom_client::TrustFile;

use crate::audit::{Finding, KmsCall, Level, Named, Source, SourceError, Trusted, read_cloudtrail};
use crate::error::{CliError, Result};
use crate::limits::MAX_CLOUDTRAIL_BYTES;
use crate::secret::shown;
use crate::trust::TrustArgs;
use crate::{files, output, owner};

/// The copy.
#[derive(clap::Args)]
pub(super) struct LogArgs {
    /// A copy of the log: the host's SQLite file, or JSON lines; several are judged as one
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    log: Vec<PathBuf>,
}

impl LogArgs {
    pub(super) fn open(&self) -> Result<Source> {
        let open = |path: &PathBuf| {
            let copy =
                Source::open(path).map_err(|error| CliError::AuditSource { path: path.clone(), error })?;
            for line in copy.torn() {
                output::warn(&format!("{}: line {line} is torn, and counts for nothing", shown(path)));
            }
            Ok(copy)
        };
        let mut copies = self.log.iter().map(open).collect::<Result<Vec<_>>>()?;
        match copies.pop() {
            Some(only) if copies.is_empty() => Ok(only),
            last => Ok(Source::Several(copies.into_iter().chain(last).collect())),
        }
    }

    /// A failure to read on.
    pub(super) fn failed(&self, error: SourceError) -> CliError {
        let names: Vec<_> = self.log.iter().map(|path| path.display().to_string()).collect();
        CliError::AuditSource { path: names.join(", ").into(), error }
    }
}

/// Whose logs are accepted.
#[derive(clap::Args)]
pub(super) struct WhoseArgs {
    #[command(flatten)]
    trust: TrustArgs,
    /// The charter, where the trust file demands its signers in place of one charter
    #[arg(long, value_name = "FILE")]
    charter: Option<PathBuf>,
}

impl WhoseArgs {
    pub(super) fn load(&self) -> Result<Trusted> {
        let trust = self.trust.load()?;
        let charter = self.charter.as_deref().map(owner::charter).transpose()?;
        if let Some(charter) = &charter {
            accepts(&trust, charter)?;
        }
        let missing =
            || CliError::usage("the trust file names owner keys: give --charter, which one of them signed");
        Trusted::new(&trust, charter.map(|charter| charter.digest())).ok_or_else(missing)
    }
}

fn accepts(trust: &TrustFile, charter: &SignedCharter) -> Result<()> {
    match &trust.demands().charter {
        CharterDemand::Exactly(digest) if *digest != charter.digest() => {
            Err(EvidenceError::OtherCharter.into())
        }
        CharterDemand::SignedBy(keys) if !keys.iter().any(|key| key.id() == charter.signer()) => {
            Err(EvidenceError::CharterSigner.into())
        }
        _ => Ok(()),
    }
}

/// Reads call records.
pub(super) fn calls(paths: &[PathBuf]) -> Result<Vec<KmsCall>> {
    let mut calls = Vec::new();
    for path in paths {
        let read = read_cloudtrail(&files::read(path, MAX_CLOUDTRAIL_BYTES)?);
        let unfit = || CliError::usage(format!("{} holds no events of CloudTrail in JSON", shown(path)));
        calls.extend(read.ok_or_else(unfit)?);
    }
    Ok(calls)
}

/// Reads what the auditor holds, each under the name of its file.
pub(super) fn held(paths: &[PathBuf], read: impl Fn(&Path) -> Result<Vec<u8>>) -> Result<Vec<Named>> {
    let one = |path: &PathBuf| Ok(Named { name: path.display().to_string(), bytes: read(path)? });
    paths.iter().map(one).collect()
}

#[derive(Serialize)]
struct Report<'a, T> {
    verdict: &'static str,
    findings: &'a [Finding],
    #[serde(flatten)]
    more: T,
}

/// Prints the findings and the verdict, and fails as the first failure does.
pub(super) fn report(json: bool, findings: &[Finding], more: impl Serialize, words: &str) -> Result<()> {
    let failed = findings.iter().find_map(|finding| match finding.level {
        Level::Fail(class) => Some(class),
        _ => None,
    });
    let verdict = if failed.is_none() { "whole as far as it shows" } else { "refused" };
    let mut human: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    human += words;
    human += &format!("verdict: {verdict}");
    output::result(json, &Report { verdict, findings, more }, &human)?;
    failed.map_or(Ok(()), |class| Err(CliError::AuditLog(class)))
}
