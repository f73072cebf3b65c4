//! Loads a trust file, and says SIMULATION where it accepts one.

use std::path::{Path, PathBuf};

use strongroom_attestation::limits::MAX_PUBLISHED_BYTES;
use strongroom_client::{TrustFile, limits};

use crate::error::{CliError, Result};
use crate::settings::{Settings, TrustPaths};
use crate::{files, output};

/// What is demanded of an enclave.
#[derive(clap::Args)]
pub(crate) struct TrustArgs {
    /// What is demanded of the enclave; else STRONGROOM_TRUST, else `trust` of the config file
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Images that the owner has published, where the trust file names their signer in place of images; else
    /// STRONGROOM_MEASUREMENTS, else `measurements` of the config file
    #[arg(long, value_name = "FILE")]
    measurements: Option<PathBuf>,
}

impl TrustArgs {
    pub(crate) fn load(&self) -> Result<TrustFile> {
        let paths = Settings::load()?.demanded_trust(self.trust.as_deref(), self.measurements.as_deref())?;
        load_paths(&paths)
    }

    /// The same, or nothing where no trust file is named anywhere.
    pub(crate) fn load_if_named(&self) -> Result<Option<TrustFile>> {
        let paths = Settings::load()?.trust(self.trust.as_deref(), self.measurements.as_deref());
        if paths.is_none() && self.measurements.is_some() {
            return Err(CliError::usage("--measurements goes with a trust file"));
        }
        paths.as_ref().map(load_paths).transpose()
    }

    /// Measurements that an argument names.
    pub(crate) fn measurements(&self) -> Option<&Path> {
        self.measurements.as_deref()
    }
}

fn load_paths(paths: &TrustPaths) -> Result<TrustFile> {
    load(&paths.trust, paths.measurements.as_deref())
}

/// Loads a trust file, with published measurements where it asks for them.
pub(crate) fn load(path: &Path, measurements: Option<&Path>) -> Result<TrustFile> {
    let bytes = files::read(path, limits::MAX_TRUST_FILE_BYTES as u64)?;
    let file = match measurements {
        None => TrustFile::parse(&bytes),
        Some(published) => {
            let published = files::read(published, MAX_PUBLISHED_BYTES as u64)?;
            TrustFile::parse_with_measurements(&bytes, &published)
        }
    };
    let file = file.map_err(|error| CliError::Trust { path: path.to_owned(), error })?;
    if file.is_simulation() {
        output::simulation();
    }
    Ok(file)
}
