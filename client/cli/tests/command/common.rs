//! Runs the command and reads what it printed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run left.
pub(crate) struct Ran {
    /// Exit code.
    pub(crate) code: i32,
    /// stdout.
    pub(crate) out: String,
    /// stderr.
    pub(crate) err: String,
}

/// Runs `strongroom` with nothing of the caller's environment.
pub(crate) fn strongroom(args: &[&str]) -> Ran {
    strongroom_with(args, &[])
}

/// The same, with environment variables.
pub(crate) fn strongroom_with(args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    let output = command.env_clear().envs(env.iter().copied()).args(args).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of the shared test data; says loudly what is skipped when it is not there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/attestation")).join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {name} of the real attestation documents is not beside this checkout");
        return None;
    }
    Some(path)
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
