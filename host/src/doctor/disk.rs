//! Free space where the host or the system around it writes.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::{Finding, System};
use crate::config::Settings;
use crate::limits::{DISK_FAIL_BYTES, DISK_WARN_BYTES};
use crate::store::Location;

const LOGS: &str = "/var/log";
const MIB: u64 = 1024 * 1024;

/// Looks at the store, what is kept for the enclave, the logs and the ready file's folder, as far as they are there.
pub(super) fn check(settings: &Settings, system: &System) -> Finding {
    let mut places = vec![system.path(LOGS)];
    if let Some(Location::Directory(store)) = &settings.store {
        places.push(store.clone());
    }
    places.extend(settings.state_dir.clone());
    places.extend(settings.ready_file.as_deref().and_then(Path::parent).map(Path::to_path_buf));
    let free: Vec<_> = places.into_iter().filter_map(|place| Some((free_bytes(&place)?, place))).collect();
    free.into_iter().min().map_or_else(|| Finding::skip("nothing is written here"), judge)
}

fn free_bytes(place: &Path) -> Option<u64> {
    let found = statvfs(place).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Judges the fullest place.
fn judge((free_bytes, place): (u64, PathBuf)) -> Finding {
    let found = format!("at least {} MiB free, at {}", free_bytes / MIB, place.display());
    let remedy =
        "make room: remove packages that no release names, move the audit log away, or enlarge the volume";
    if free_bytes < DISK_FAIL_BYTES {
        Finding::fail(found, remedy)
    } else if free_bytes < DISK_WARN_BYTES {
        Finding::warn(found, remedy)
    } else {
        Finding::pass(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn bytes_free() {
        for (free, status) in [
            (0, Status::Fail),
            (DISK_FAIL_BYTES, Status::Warn),
            (DISK_WARN_BYTES - 1, Status::Warn),
            (DISK_WARN_BYTES, Status::Pass),
        ] {
            assert_eq!(judge((free, PathBuf::from("/"))).status, status, "{free}");
        }
        assert!(free_bytes(Path::new("/")).is_some() && free_bytes(Path::new("/no/such/folder")).is_none());
    }
}
