//! The directory that the operator fills: charter, release bundle and sealed packages.
//!
//! ```text
//! STORE/charter.cose
//! STORE/release.bundle
//! STORE/packages/NAME@VERSION.sealed
//! ```
//!
//! Everything in it is public or sealed. A file is found by a [`PackageId`] alone, which cannot
//! spell a path, and is never read through a symlink that leaves the packages folder.

pub(crate) mod watch;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use strongroom_proto::limits::{MAX_CHARTER_BYTES, MAX_RANGE_BYTES, MAX_RELEASE_BYTES};
use strongroom_proto::name::PackageId;
use strongroom_proto::relay::{BootDocuments, Range};

/// File name of the charter.
pub const CHARTER_FILE: &str = "charter.cose";
/// File name of the current release bundle.
pub const RELEASE_FILE: &str = "release.bundle";
/// Folder of the sealed packages.
pub const PACKAGES_FOLDER: &str = "packages";

/// The directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// Why something was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("i/o: {0}")]
    Io(io::ErrorKind),
    /// Longer than this kind of file may be.
    #[error("file is too long")]
    TooLong,
    /// More bytes were asked for than one range holds.
    #[error("range is too long")]
    RangeTooLong,
    /// Not a regular file inside the folder.
    #[error("not a regular file inside the store")]
    Outside,
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// What a file looked like; a changed stamp is a changed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl Store {
    /// Uses a directory. It need not be complete yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Reads charter and current release.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::TooLong`].
    pub async fn boot_documents(&self) -> Result<BootDocuments, StoreError> {
        let charter = self.root.join(CHARTER_FILE);
        let charter = blocking(move || read_whole(&charter, MAX_CHARTER_BYTES)).await?;
        Ok(BootDocuments { charter, release: self.release().await? })
    }

    /// Reads the current release bundle.
    ///
    /// # Errors
    /// As [`Store::boot_documents`].
    pub async fn release(&self) -> Result<Vec<u8>, StoreError> {
        let release = self.root.join(RELEASE_FILE);
        blocking(move || read_whole(&release, MAX_RELEASE_BYTES)).await
    }

    /// Reads a range of a package; fewer bytes only at its end.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn read(&self, range: &Range) -> Result<Vec<u8>, StoreError> {
        let length = usize::try_from(range.length).map_err(|_| StoreError::RangeTooLong)?;
        if length > MAX_RANGE_BYTES {
            return Err(StoreError::RangeTooLong);
        }
        let (folder, package, offset) =
            (self.root.join(PACKAGES_FOLDER), range.package.clone(), range.offset);
        blocking(move || read_at(&open_package(&folder, &package)?, offset, length)).await
    }

    pub(crate) async fn release_stamp(&self) -> Option<Stamp> {
        let found = tokio::fs::metadata(self.root.join(RELEASE_FILE)).await.ok()?;
        Some(Stamp { modified: found.modified().ok()?, bytes: found.len() })
    }
}

fn open_package(folder: &Path, package: &PackageId) -> Result<File, StoreError> {
    let folder = fs::canonicalize(folder)?;
    let path = fs::canonicalize(folder.join(package.file_name()))?;
    // Opening a pipe would wait for a writer, so the type is looked at first.
    if !path.starts_with(&folder) || !fs::metadata(&path)?.is_file() {
        return Err(StoreError::Outside);
    }
    Ok(File::open(path)?)
}

fn read_at(file: &File, offset: u64, length: usize) -> Result<Vec<u8>, StoreError> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; length.min(usize::try_from(left).unwrap_or(length))];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn read_whole(path: &Path, max_bytes: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes { Err(StoreError::TooLong) } else { Ok(bytes) }
}

async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Io(io::ErrorKind::Other))?
}

#[cfg(test)]
mod tests;
