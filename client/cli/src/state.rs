//! What one run remembers for the next: the highest epoch seen of each deployment.
//!
//! One file for each charter demand, under `$XDG_STATE_HOME/strongroom` or `~/.local/state/strongroom` (XDG
//! base directory specification), so that deployments of one name under other charters do not mix. A memory
//! that cannot be kept is a warning, not an error: the trust file's own floor still holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ring::digest::{Context, SHA256};
use strongroom_attestation::evidence::CharterDemand;
use strongroom_client::TrustFile;
use strongroom_proto::name::Name;

use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::{files, output};

/// The memory that belongs to one trust file.
pub(crate) struct Memory {
    path: Option<PathBuf>,
    known: BTreeMap<Name, u64>,
    /// What the file holds by now: a run that asks often writes it once.
    kept: Mutex<BTreeMap<Name, u64>>,
}

impl Memory {
    /// Reads what earlier runs left.
    pub(crate) fn load(trust: &TrustFile) -> Self {
        let path = folder().map(|folder| folder.join(file_name(&trust.demands().charter)));
        let known = match &path {
            Some(path) if path.exists() => {
                let read = files::read(path, MAX_SMALL_FILE_BYTES).ok();
                read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_else(|| {
                    output::warn(&format!(
                        "{} is unreadable: epochs seen earlier are not known",
                        path.display()
                    ));
                    BTreeMap::new()
                })
            }
            _ => BTreeMap::new(),
        };
        Self { path, kept: Mutex::new(known.clone()), known }
    }

    /// The epochs known so far.
    pub(crate) fn known(&self) -> BTreeMap<Name, u64> {
        self.known.clone()
    }

    /// Keeps what this run has seen.
    pub(crate) fn keep(&self, seen: &BTreeMap<Name, u64>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == *kept {
            return;
        }
        kept.clone_from(seen);
        let written = self.path.as_ref().is_some_and(|path| {
            let Ok(json) = serde_json::to_vec(seen) else { return false };
            path.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok())
                && files::write(path, &json).is_ok()
        });
        if !written {
            output::warn(
                "the epochs seen cannot be kept: a later run would not notice a rollback to an older release",
            );
        }
    }
}

fn folder() -> Option<PathBuf> {
    files::user_folder("XDG_STATE_HOME", ".local/state").map(|folder| folder.join("epochs"))
}

fn file_name(demand: &CharterDemand) -> String {
    let mut context = Context::new(&SHA256);
    match demand {
        CharterDemand::Exactly(digest) => context.update(digest.as_bytes()),
        CharterDemand::SignedBy(keys) => {
            let mut keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
            keys.sort_unstable();
            keys.iter().for_each(|key| context.update(key));
        }
    }
    format!("{}.json", hex::encode(context.finish()))
}
