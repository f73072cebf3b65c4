//! Takes every defence out of a copy of the tree, each behind a variable of the environment: `mutate DIRECTORY`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(root) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return failed("which directory?");
    };
    // The tree that one works in must never be the one that is taken apart.
    if root.join(".git").exists() {
        return failed("the directory is a repository, and not a copy of its files");
    }
    match strongroom_hostile::mutate(&root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => failed(&reason),
    }
}

#[allow(clippy::print_stderr, reason = "a command says why it fails")]
fn failed(reason: &str) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}
