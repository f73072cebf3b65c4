//! Loads a trust file, and says SIMULATION where it accepts one.

use std::path::Path;

use strongroom_client::{TrustFile, limits};

use crate::error::{CliError, Result};
use crate::{files, output};

pub(crate) fn load(path: &Path) -> Result<TrustFile> {
    let bytes = files::read(path, limits::MAX_TRUST_FILE_BYTES as u64)?;
    let file = TrustFile::parse(&bytes).map_err(|error| CliError::Trust { path: path.to_owned(), error })?;
    if file.is_simulation() {
        output::simulation();
    }
    Ok(file)
}
