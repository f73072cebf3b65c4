//! Where things are kept for the enclave.

use super::Finding;
use crate::config::Settings;
use crate::keep::{Found, examine};

/// Whether they can be.
pub(super) fn check(settings: &Settings) -> Finding {
    let Some(directory) = &settings.state_dir else {
        return Finding::skip("state-dir is not set: neither audit log nor state of the enclave is kept");
    };
    match examine(directory) {
        Ok(Found::There) => Finding::pass(format!("{} can be written", directory.display())),
        Ok(Found::NotYet) => Finding::pass(format!("{} will be made", directory.display())),
        Err(error) => Finding::fail(
            format!("{}: {error}", directory.display()),
            "set state-dir to a directory of the user of strongroom-host, mode 0700, with files of that user alone",
        ),
    }
}
