//! What the owner's commands share: the charter and the time.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::charter::SignedCharter;
use strongroom_kms::KeyArn;
use strongroom_proto::limits::MAX_CHARTER_BYTES;

use crate::error::{CliError, Result};
use crate::files;

/// Reads a charter and verifies its own signature.
pub(crate) fn charter(path: &Path) -> Result<SignedCharter> {
    let bytes = files::read(path, MAX_CHARTER_BYTES as u64)?;
    let path: PathBuf = path.to_owned();
    SignedCharter::open(&bytes).map_err(|error| CliError::Charter { path, error })
}

/// Refuses a KMS key that no enclave under the charter would use.
pub(crate) fn check_kms_key(charter: &SignedCharter, key: &KeyArn) -> Result<()> {
    if charter.charter().kms_keys.iter().any(|named| named == key.as_str()) {
        return Ok(());
    }
    Err(CliError::usage("the charter does not name this KMS key"))
}

/// The present time.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
