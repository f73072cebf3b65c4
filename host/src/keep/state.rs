//! The one state of the enclave, which the next boot gets back.
//!
//! It is written beside its place and renamed, so that the file holds the last state or the one before, whole.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use strongroom_proto::limits::MAX_STATE_BYTES;

use super::KeepError;
use super::place::{STATE_FILE, open_private};

/// Reads the state; empty when there is none.
pub(super) fn read(directory: &Path) -> Result<Vec<u8>, KeepError> {
    let file = match File::open(directory.join(STATE_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut state = Vec::new();
    file.take(MAX_STATE_BYTES as u64 + 1).read_to_end(&mut state)?;
    if state.len() > MAX_STATE_BYTES { Err(KeepError::StateTooLong) } else { Ok(state) }
}

/// Puts a state in place of the last one. When this returns, it outlives a loss of power.
pub(super) fn write(directory: &Path, state: &[u8]) -> Result<(), KeepError> {
    let path = directory.join(STATE_FILE);
    let partial = path.with_added_extension("partial");
    let mut file = open_private(&partial)?;
    file.set_len(0)?;
    file.write_all(state)?;
    file.sync_all()?;
    fs::rename(&partial, &path)?;
    Ok(File::open(directory)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_last_state_is_read_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), b"");
        fs::write(folder.path().join("state.sealed.partial"), "what an earlier host left of a longer one")
            .unwrap();
        for state in [b"first".as_slice(), b"2", b""] {
            write(folder.path(), state).unwrap();
            assert_eq!(read(folder.path()).unwrap(), state);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_file_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), b"state").unwrap();
        let mode = fs::metadata(folder.path().join(STATE_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_state_that_cannot_be_read_is_not_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(STATE_FILE), vec![0; MAX_STATE_BYTES]).unwrap();
        assert_eq!(read(folder.path()).unwrap().len(), MAX_STATE_BYTES);
        fs::write(folder.path().join(STATE_FILE), vec![0; MAX_STATE_BYTES + 1]).unwrap();
        assert!(matches!(read(folder.path()), Err(KeepError::StateTooLong)));
        fs::remove_file(folder.path().join(STATE_FILE)).unwrap();
        fs::create_dir(folder.path().join(STATE_FILE)).unwrap();
        assert!(matches!(read(folder.path()), Err(KeepError::Io(_))));
    }
}
