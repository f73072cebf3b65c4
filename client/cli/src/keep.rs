//! Receipts that are kept: each beside the evidence that it is verified with, for their owner's eyes alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_client::{Keep, Kept};

use crate::error::{CliError, Result};
use crate::limits::MAX_EVIDENCE_BYTES;
use crate::{files, words};

/// Where receipts go.
#[derive(clap::Args)]
pub(crate) struct KeepArgs {
    /// Write the receipt of the answer, or of the refusal (COSE)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Write the evidence that the receipt is verified with
    #[arg(long, value_name = "FILE", requires = "receipt")]
    evidence: Option<PathBuf>,
    /// Keep every receipt as BOOT-INDEX.receipt, and its evidence as DIGEST.evidence, in this folder
    #[arg(long, value_name = "DIR")]
    keep_receipts: Option<PathBuf>,
}

/// Writes what it is handed, and remembers the first failure.
pub(crate) struct Keeper {
    to: KeepArgs,
    failed: Mutex<Option<CliError>>,
}

impl Keeper {
    pub(crate) fn new(to: KeepArgs) -> Arc<Self> {
        Arc::new(Self { to, failed: Mutex::new(None) })
    }

    /// For the client's options.
    pub(crate) fn keep(self: &Arc<Self>) -> Arc<Keep> {
        let keeper = Arc::clone(self);
        Arc::new(move |kept: &Kept| {
            if let Err(error) = keeper.write(kept) {
                keeper.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        })
    }

    /// Whether everything was kept.
    pub(crate) fn finish(&self) -> Result<()> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn write(&self, kept: &Kept) -> Result<()> {
        if let Some(path) = &self.to.receipt {
            files::write(path, &kept.document)?;
        }
        if let Some(path) = &self.to.evidence {
            files::write(path, &kept.evidence)?;
        }
        self.to.keep_receipts.as_deref().map_or(Ok(()), |folder| keep_in(folder, kept))
    }
}

fn keep_in(folder: &Path, kept: &Kept) -> Result<()> {
    files::private_folder(folder)?;
    once(&folder.join(format!("{}.evidence", kept.evidence_digest)), &kept.evidence)?;
    let boot = words::boot_words(kept.receipt.boot);
    let index = kept.receipt.index.map_or("refused".to_owned(), |index| index.to_string());
    let path = folder.join(format!("{boot}-{index}.receipt"));
    match once(&path, &kept.document) {
        // Another key's receipt of this boot has this number: the request tells them apart.
        Err(CliError::Exists(_)) => {
            let request: String = kept.receipt.request.to_string().chars().take(16).collect();
            once(&folder.join(format!("{boot}-{index}-{request}.receipt")), &kept.document)
        }
        other => other,
    }
}

/// Writes a new file, or finds that it holds these bytes already.
fn once(path: &Path, bytes: &[u8]) -> Result<()> {
    match files::write_private(path, bytes) {
        Err(CliError::Exists(_))
            if files::read(path, MAX_EVIDENCE_BYTES).is_ok_and(|held| *held == bytes) =>
        {
            Ok(())
        }
        other => other,
    }
}
