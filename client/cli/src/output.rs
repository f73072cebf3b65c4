//! stdout for results, stderr for everything else.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::{CliError, Result};

/// Writes a line of result to stdout.
pub(crate) fn line(text: &str) -> Result<()> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes a result to stdout as it is.
pub(crate) fn bytes(result: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(result).and_then(|()| stdout.flush());
    match written {
        // Whoever closed the pipe has read what he wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Stdout(error.kind())),
        _ => Ok(()),
    }
}

/// Writes a result to stdout as JSON, or as the given line.
pub(crate) fn result(json: bool, value: &impl Serialize, human: &str) -> Result<()> {
    if !json {
        return line(human);
    }
    let text =
        serde_json::to_string_pretty(value).map_err(|_| CliError::Stdout(io::ErrorKind::InvalidData))?;
    line(&text)
}

/// Writes a result that has no other form as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(&serde_json::to_string(value).map_err(|_| CliError::Stdout(io::ErrorKind::InvalidData))?)
}

/// Warns on stderr.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {text}");
}

/// Tells on stderr what was done.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Says loudly that nothing real is being verified.
pub(crate) fn simulation() {
    let _ = writeln!(
        io::stderr(),
        "SIMULATION: the trust file accepts a simulated enclave. Nothing here is protected by real hardware."
    );
}

/// Reports the error that ends the command.
pub(crate) fn report(error: CliError) {
    let _ = writeln!(io::stderr(), "{:?}", miette::Report::new(error));
}
