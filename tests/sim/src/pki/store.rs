//! Files of the simulated PKI, readable by their owner alone.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::PkiError;

const OWNER_ONLY: u32 = 0o600;

pub(super) fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), PkiError> {
    fs::create_dir_all(directory)?;
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(OWNER_ONLY).open(directory.join(name))?;
    // The mode above holds for a new file only.
    file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    Ok(file.write_all(bytes)?)
}

pub(super) fn read(directory: &Path, name: &str) -> Result<Vec<u8>, PkiError> {
    Ok(fs::read(directory.join(name))?)
}
