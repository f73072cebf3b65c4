//! The directory in which things are kept: this user's alone, as far as this host makes it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::KeepError;

/// File name of the audit log.
pub(super) const AUDIT_FILE: &str = "audit.db";
/// File name of the state.
pub(super) const STATE_FILE: &str = "state.sealed";

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// What a look at the directory found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It can be written.
    There,
    /// It can be made.
    NotYet,
}

/// Looks whether things can be kept here, and changes nothing.
///
/// # Errors
/// [`KeepError::NotADirectory`], [`KeepError::NotWritable`] or [`KeepError::Io`].
pub(crate) fn examine(directory: &Path) -> Result<Found, KeepError> {
    match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            writable_folder(parent(directory), "the folder around the directory")?;
            Ok(Found::NotYet)
        }
        Err(error) => Err(error.into()),
        Ok(_) => {
            writable_folder(directory, "the directory")?;
            for name in [AUDIT_FILE, STATE_FILE] {
                let path = directory.join(name);
                if path.exists() && access(&path, Access::READ_OK | Access::WRITE_OK).is_err() {
                    return Err(KeepError::NotWritable(name));
                }
            }
            Ok(Found::There)
        }
    }
}

/// Makes the directory if it is missing; the folder around it must be there.
pub(super) fn prepare(directory: &Path) -> Result<(), KeepError> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => examine(directory).map(drop),
    }
}

/// Opens a file for writing, and makes it if it is missing. What it holds stays.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

/// Opens a file for adding to its end, and makes it if it is missing.
pub(super) fn open_at_end(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)
}

fn writable_folder(folder: &Path, what: &'static str) -> Result<(), KeepError> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(KeepError::NotADirectory);
    }
    let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    access(folder, all).map_err(|errno| match errno {
        Errno::ROFS => KeepError::Io(errno.kind()),
        _ => KeepError::NotWritable(what),
    })
}

fn parent(directory: &Path) -> &Path {
    match directory.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_is_made_for_this_user_alone_and_looking_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("state");
        assert_eq!(examine(&directory).unwrap(), Found::NotYet);
        assert!(!directory.exists());
        prepare(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, DIRECTORY_MODE);
        prepare(&directory).unwrap();
        assert_eq!(examine(&directory).unwrap(), Found::There);
    }

    #[test]
    fn a_file_or_a_missing_folder_is_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(examine(&file), Err(KeepError::NotADirectory)));
        assert!(matches!(prepare(&file), Err(KeepError::NotADirectory)));
        let deep = folder.path().join("no/such");
        assert!(matches!(examine(&deep), Err(KeepError::Io(io::ErrorKind::NotFound))));
        assert_eq!(parent(Path::new("state")), Path::new("."));
    }
}
