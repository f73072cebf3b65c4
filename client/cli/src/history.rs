//! What the owner remembers of releases: enough to make each again, with a change, under a later epoch, and the bundle as it
//! was made, for stores that it did not reach.
//!
//! A private folder on the owner's machine: it names every API key's digest and holds the state key. It must
//! never lie where a host can read it.

mod record;

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use strongroom_proto::name::Name;
use strongroom_seal::secret::{SECRET_BYTES, StateKey};
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_RECORD_FILE_BYTES, MAX_SECRET_FILE_BYTES};
use crate::secret::shown;

pub(crate) use record::{Record, RecordedModel};

const STATE_KEY: &str = "state.key";
const RECORD_SUFFIX: &str = ".release.json";
const BUNDLE_SUFFIX: &str = ".release.bundle";

/// What a host's store holds, by which one is recognised.
const STORE_FILES: [&str; 2] = ["charter.cose", "packages"];

/// A history.
pub(crate) struct History {
    folder: PathBuf,
}

impl History {
    /// Opens a history, or begins one.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        if !folder.exists() {
            DirBuilder::new().mode(0o700).create(folder).map_err(CliError::file(folder))?;
        }
        Self::existing(folder)
    }

    /// Opens a history that is there.
    pub(crate) fn existing(folder: &Path) -> Result<Self> {
        let named = shown(folder);
        let real = folder.canonicalize().map_err(CliError::file(folder))?;
        let mode = real.metadata().map_err(CliError::file(folder))?.permissions().mode();
        if !real.is_dir() || mode & 0o077 != 0 {
            return Err(CliError::usage(format!(
                "{named} is not a folder that its owner alone may read (mode 0700)"
            )));
        }
        let is_store = |folder: &Path| STORE_FILES.iter().all(|name| folder.join(name).exists());
        if real.ancestors().any(is_store) {
            return Err(CliError::usage(format!(
                "{named} lies in the store of a host: a history never leaves the owner"
            )));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The state key of the deployment, made on first use.
    pub(crate) fn state_key(&self) -> Result<StateKey> {
        let path = self.folder.join(STATE_KEY);
        if !path.exists() {
            let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
            SystemRandom::new().fill(bytes.as_mut()).map_err(|_| CliError::Random)?;
            files::write_private(&path, Zeroizing::new(hex::encode(bytes.as_ref()) + "\n").as_bytes())?;
        }
        let text = files::read_text(&path, MAX_SECRET_FILE_BYTES)?;
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        hex::decode_to_slice(text.trim(), bytes.as_mut()).map_err(|_| {
            CliError::usage(format!("{} is not a state key: 64 hexadecimal digits", shown(&path)))
        })?;
        Ok(StateKey::take(&mut bytes))
    }

    /// The newest record; one of another deployment is refused.
    pub(crate) fn newest(&self, deployment: &Name) -> Result<Option<Record>> {
        let epoch = self.epochs()?.into_iter().max();
        epoch.map(|epoch| self.record(deployment, epoch)).transpose()
    }

    /// The record of an epoch.
    pub(crate) fn record(&self, deployment: &Name, epoch: u64) -> Result<Record> {
        let path = self.path(epoch);
        let bytes = files::read(&path, MAX_RECORD_FILE_BYTES)?;
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|_| CliError::usage(format!("{} is not a record of a release", shown(&path))))?;
        if record.deployment != *deployment || record.epoch != epoch {
            return Err(CliError::usage(format!("{} is of another deployment or epoch", shown(&path))));
        }
        Ok(record)
    }

    /// Adds a record and its bundle, before that is handed to anyone. An epoch is used once.
    pub(crate) fn add(&self, record: &Record, bundle: &[u8]) -> Result<()> {
        let json = serde_json::to_vec_pretty(record).map(Zeroizing::new);
        let json = json.map_err(|_| CliError::usage("the release cannot be recorded"))?;
        let path = self.path(record.epoch);
        files::write_private(&path, &json)?;
        files::write(&self.bundle_path(record.epoch), bundle).inspect_err(|_| {
            // Nobody has seen the release: its epoch is free again.
            let _ = std::fs::remove_file(&path);
        })
    }

    /// The bundle of an epoch, to be delivered again.
    pub(crate) fn bundle(&self, epoch: u64) -> Result<Zeroizing<Vec<u8>>> {
        files::read(&self.bundle_path(epoch), MAX_DOCUMENT_BYTES)
    }

    fn epochs(&self) -> Result<Vec<u64>> {
        let entries = std::fs::read_dir(&self.folder).map_err(CliError::file(&self.folder))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.strip_suffix(RECORD_SUFFIX)?.parse().ok()).collect())
    }

    fn path(&self, epoch: u64) -> PathBuf {
        self.folder.join(format!("{epoch}{RECORD_SUFFIX}"))
    }

    fn bundle_path(&self, epoch: u64) -> PathBuf {
        self.folder.join(format!("{epoch}{BUNDLE_SUFFIX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64) -> Record {
        let json = serde_json::json!({
            "deployment": "d", "epoch": epoch, "made_at_ms": 1, "why": "release", "valid_days": 7, "images": [],
            "models": [], "grants": [], "policy": "", "audit_key": null,
            "incident": { "blocked_keys": ["ab"], "frozen_models": { "fraud": "2026-12-01T00:00:00Z" } },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn records_are_private_and_an_epoch_is_used_once() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("history");
        let history = History::open(&folder).unwrap();
        let deployment: Name = "d".parse().unwrap();
        assert!(history.newest(&deployment).unwrap().is_none());
        for epoch in [9, 10] {
            history.add(&record(epoch), epoch.to_string().as_bytes()).unwrap();
        }
        assert!(history.add(&record(10), b"other").is_err());
        assert_eq!(history.bundle(10).unwrap().as_slice(), b"10", "as it was made");
        assert!(history.bundle(8).is_err());
        let newest = history.newest(&deployment).unwrap().unwrap();
        assert_eq!(newest.epoch, 10);
        assert_eq!(newest.incident, record(10).incident);
        assert!(history.newest(&"other".parse().unwrap()).is_err());
        for (path, mode) in [(folder.join("9.release.json"), 0o600), (folder, 0o700)] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn an_epoch_whose_bundle_was_not_kept_is_free() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("history");
        let history = History::open(&folder).unwrap();
        // A folder stands where the bundle belongs.
        std::fs::create_dir(folder.join("3.release.bundle")).unwrap();
        assert!(history.add(&record(3), b"bundle").is_err());
        assert!(history.newest(&"d".parse().unwrap()).unwrap().is_none());
        std::fs::remove_dir(folder.join("3.release.bundle")).unwrap();
        history.add(&record(3), b"bundle").unwrap();
    }

    #[test]
    fn the_state_key_stays_the_same() {
        let outer = tempfile::tempdir().unwrap();
        let history = History::open(&outer.path().join("history")).unwrap();
        let seal = |key: StateKey| key.record_key(&[1; 16]).is_ok();
        assert!(seal(history.state_key().unwrap()));
        let text = std::fs::read_to_string(outer.path().join("history/state.key")).unwrap();
        assert!(seal(history.state_key().unwrap()));
        assert_eq!(text, std::fs::read_to_string(outer.path().join("history/state.key")).unwrap());
        assert_eq!(text.trim().len(), 64);
        std::fs::write(outer.path().join("history/state.key"), "x").unwrap();
        assert!(history.state_key().is_err());
    }

    #[test]
    fn a_history_that_others_read_or_a_host_holds_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let open = outer.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(History::open(&open).is_err());
        std::fs::write(outer.path().join("charter.cose"), b"").unwrap();
        std::fs::create_dir(outer.path().join("packages")).unwrap();
        assert!(History::open(&outer.path().join("history")).is_err());
    }
}
