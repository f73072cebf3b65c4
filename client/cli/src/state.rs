//! What one run remembers for the next: the highest epoch seen of each deployment.
//!
//! One file for each charter demand, under `$XDG_STATE_HOME/strongroom` or `~/.local/state/strongroom` (XDG
//! base directory specification), so that deployments of one name under other charters do not mix. A memory
//! that cannot be kept is a warning, not an error: the trust file's own floor still holds.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ring::digest::{Context, SHA256};
use strongroom_attestation::evidence::CharterDemand;
use strongroom_client::TrustFile;
use strongroom_proto::name::Name;

use crate::limits::{LOCK_ATTEMPTS, LOCK_PAUSE, MAX_SMALL_FILE_BYTES};
use crate::{files, output};

/// The memory that belongs to one trust file.
pub(crate) struct Memory {
    path: Option<PathBuf>,
    known: BTreeMap<Name, u64>,
    kept: Mutex<Written>,
}

/// What the file holds by now: a run that asks often writes it once.
struct Written {
    epochs: BTreeMap<Name, u64>,
    /// Whether it was said that it cannot be written. It is tried again all the same.
    warned: bool,
}

impl Memory {
    /// Reads what earlier runs left.
    pub(crate) fn load(trust: &TrustFile) -> Self {
        let path = folder().map(|folder| folder.join(file_name(&trust.demands().charter)));
        let known = match &path {
            Some(path) if path.exists() => {
                let bytes = files::read(path, MAX_SMALL_FILE_BYTES).ok();
                bytes.and_then(|bytes| read(&bytes)).unwrap_or_else(|| {
                    output::warn(&format!(
                        "{} is unreadable: epochs seen earlier are not known",
                        path.display()
                    ));
                    BTreeMap::new()
                })
            }
            _ => BTreeMap::new(),
        };
        Self { path, kept: Mutex::new(Written { epochs: known.clone(), warned: false }), known }
    }

    /// The epochs known so far.
    pub(crate) fn known(&self) -> BTreeMap<Name, u64> {
        self.known.clone()
    }

    /// Keeps what this run has seen, beside what others that run at the same time have kept: no epoch ever falls.
    pub(crate) fn keep(&self, seen: &BTreeMap<Name, u64>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == kept.epochs {
            return;
        }
        if self.path.as_ref().and_then(|path| raise(path, seen)).is_some() {
            *kept = Written { epochs: seen.clone(), warned: false };
        } else if !kept.warned {
            kept.warned = true;
            output::warn(
                "the epochs seen cannot be kept: a later run would not notice a rollback to an older release",
            );
        }
    }
}

/// Raises what the file holds to what was seen, one process after the other.
fn raise(path: &Path, seen: &BTreeMap<Name, u64>) -> Option<()> {
    fs::create_dir_all(path.parent()?).ok()?;
    let _lock = lock(&path.with_extension("lock"))?;
    let mut known =
        files::read(path, MAX_SMALL_FILE_BYTES).ok().and_then(|bytes| read(&bytes)).unwrap_or_default();
    for (deployment, epoch) in seen {
        let known = known.entry(deployment.clone()).or_default();
        *known = (*known).max(*epoch);
    }
    files::write(path, &serde_json::to_vec(&known).ok()?).ok()
}

/// Locks a file of its own, because the other is replaced; it is free again when the process ends. `None` where somebody holds it
/// for longer than writing takes. A file system without locks has none to wait for.
fn lock(path: &Path) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => return Some(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
        }
    }
    None
}

fn read(bytes: &[u8]) -> Option<BTreeMap<Name, u64>> {
    serde_json::from_slice(bytes).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_kept_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epochs").join("a.json");
        let seen = BTreeMap::from([("a".parse().unwrap(), 7)]);
        let kept = Mutex::new(Written { epochs: BTreeMap::new(), warned: false });
        let memory = Memory { path: Some(path.clone()), known: BTreeMap::new(), kept };
        // A file stands where the folder belongs.
        fs::write(folder.path().join("epochs"), b"").unwrap();
        memory.keep(&seen);
        memory.keep(&seen);
        assert!(!path.exists());
        fs::remove_file(folder.path().join("epochs")).unwrap();
        memory.keep(&seen);
        assert_eq!(read(&fs::read(&path).unwrap()), Some(seen.clone()));
        fs::remove_file(&path).unwrap();
        memory.keep(&seen);
        assert!(!path.exists(), "what was kept is not written again");
    }

    #[test]
    fn no_run_lowers_what_another_has_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epochs").join("a.json");
        let (a, b): (Name, Name) = ("a".parse().unwrap(), "b".parse().unwrap());
        raise(&path, &BTreeMap::from([(a.clone(), 7)])).unwrap();
        raise(&path, &BTreeMap::from([(a.clone(), 6), (b.clone(), 2)])).unwrap();
        assert_eq!(read(&fs::read(&path).unwrap()), Some(BTreeMap::from([(a.clone(), 7), (b, 2)])));
        let _held = lock(&path.with_extension("lock")).unwrap();
        assert_eq!(raise(&path, &BTreeMap::from([(a, 8)])), None, "who holds it for long is not waited for");
    }
}
