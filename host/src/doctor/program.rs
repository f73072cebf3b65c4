//! The program that starts the enclave.

use super::{Finding, System};
use crate::config::Settings;

/// Whether it is there.
pub(super) fn check(settings: &Settings, system: &System) -> Finding {
    let Some(name) = settings.enclave_start.as_ref().and_then(|words| words.first()) else {
        return Finding::skip("enclave-start is not set: the enclave is started by something else");
    };
    match system.program(name) {
        Some(path) => Finding::pass(path.display()),
        None => {
            let remedy = "correct the first word of enclave-start: a program on PATH, or an absolute path";
            Finding::fail(format!("{name} is not there"), remedy)
        }
    }
}
