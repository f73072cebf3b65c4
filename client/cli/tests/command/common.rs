//! Runs the command and reads what it printed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run left.
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
}

/// Runs `strongroom` with nothing of the caller's environment.
pub fn strongroom(args: &[&str]) -> Ran {
    strongroom_with(args, &[])
}

/// The same, with environment variables.
pub fn strongroom_with(args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    let output = command.env_clear().envs(env.iter().copied()).args(args).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of the shared test data; says loudly what is skipped when it is not there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/attestation")).join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {name} of the real attestation documents is not beside this checkout");
        return None;
    }
    Some(path)
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
