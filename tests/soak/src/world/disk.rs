//! A small disk of its own for what the host keeps, which can be full.
//!
//! It is a tmpfs whose size is set to what is used. Mounting one needs a mount namespace in which that is allowed, which
//! `scripts/soak` makes where the system lets it.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use crate::SoakError;
use crate::limits::DISK_BYTES;

/// The mounted disk; unmounted when dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts one at a directory, which is made.
    pub(crate) fn mount_at(directory: &Path) -> Result<Self, SoakError> {
        std::fs::create_dir_all(directory).map_err(SoakError::io("disk"))?;
        let options = format!("size={DISK_BYTES},mode=0700");
        let options = std::ffi::CString::new(options).map_err(|_| SoakError::unfit("disk"))?;
        mount("tmpfs", directory, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str()))
            .map_err(|error| SoakError::io("mounting a disk that can be full")(error.into()))?;
        Ok(Self(directory.to_path_buf()))
    }

    /// No further byte finds room, until [`Disk::free`].
    pub(crate) fn fill(&self) -> Result<(), SoakError> {
        let now = statvfs(&self.0).map_err(|error| SoakError::io("disk")(error.into()))?;
        let used = now.f_blocks.saturating_sub(now.f_bfree).max(1) * now.f_frsize;
        self.resize(used)
    }

    /// There is room again.
    pub(crate) fn free(&self) -> Result<(), SoakError> {
        self.resize(DISK_BYTES)
    }

    fn resize(&self, bytes: u64) -> Result<(), SoakError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        let resized = mount_remount(&self.0, flags, format!("size={bytes}"));
        resized.map_err(|error| SoakError::io("resizing the disk")(error.into()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The namespace takes it along at the latest.
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}
