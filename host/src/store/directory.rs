//! A directory that the operator fills.
//!
//! A package is never read through a symlink that leaves the packages folder.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use strongroom_proto::name::PackageId;

use super::{PACKAGES_FOLDER, Stamp, StoreError};

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Reads a file of at most `max_bytes`.
    pub(super) async fn whole(&self, name: &str, max_bytes: usize) -> Result<Vec<u8>, StoreError> {
        let path = self.root.join(name);
        blocking(move || read_whole(&path, max_bytes)).await
    }

    /// Reads a range of a package; fewer bytes only at its end.
    pub(super) async fn read(
        &self,
        package: &PackageId,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let (folder, package) = (self.root.join(PACKAGES_FOLDER), package.clone());
        blocking(move || read_at(&open_package(&folder, &package)?, offset, length)).await
    }

    pub(super) async fn stamp(&self, name: &str) -> Result<Stamp, StoreError> {
        let found = tokio::fs::metadata(self.root.join(name)).await?;
        Ok(Stamp::File { modified: found.modified()?, bytes: found.len() })
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
