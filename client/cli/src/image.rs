//! Measurements of an image, in the form that `nitro-cli build-enclave` prints.

use std::path::Path;

use serde::Deserialize;
use strongroom_attestation::{ImagePcrs, Pcr};

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::secret::shown;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Built {
    measurements: Measurements,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Measurements {
    pcr0: Pcr,
    pcr1: Pcr,
    pcr2: Pcr,
}

/// Reads the measurements of one image.
pub(crate) fn read(path: &Path) -> Result<ImagePcrs> {
    let bytes = files::read(path, MAX_SMALL_FILE_BYTES)?;
    parse(&bytes).ok_or_else(|| {
        let form = r#"{"Measurements": {"PCR0": HEX, "PCR1": HEX, "PCR2": HEX}}"#;
        CliError::usage(format!("{} does not hold {form}", shown(path)))
    })
}

/// The same from bytes.
pub(crate) fn parse(bytes: &[u8]) -> Option<ImagePcrs> {
    let built: Built = serde_json::from_slice(bytes).ok()?;
    let Measurements { pcr0, pcr1, pcr2 } = built.measurements;
    Some(ImagePcrs { pcr0, pcr1, pcr2 })
}
