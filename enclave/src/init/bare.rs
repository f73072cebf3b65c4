//! Step 1: neither arguments nor environment.
//!
//! The one place of the enclave that looks at either, and only to see whether there are any.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where the image holds this binary.
const OWN_PATH: &str = "/init";

/// Returns when the process is bare; otherwise becomes the same binary without arguments and environment.
pub(super) fn run_bare() -> io::Result<()> {
    if is_bare() {
        return Ok(());
    }
    Err(Command::new(OWN_PATH).env_clear().exec())
}

fn is_bare() -> bool {
    std::env::args_os().count() <= 1 && std::env::vars_os().next().is_none()
}
