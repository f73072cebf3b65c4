//! A program and its arguments, run without a shell.

use std::fmt;
use std::io;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::Pace;
use super::running::Running;

/// A program, found on `PATH` unless it is a path itself, and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    name: String,
    arguments: Vec<String>,
}

/// The list of words is empty, or its first is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no program is named")]
pub struct NoProgram;

impl Program {
    /// Takes the first word for the program and the rest for its arguments.
    ///
    /// # Errors
    /// [`NoProgram`].
    pub fn new(words: Vec<String>) -> Result<Self, NoProgram> {
        let mut words = words.into_iter();
        let name = words.next().filter(|name| !name.is_empty()).ok_or(NoProgram)?;
        Ok(Self { name, arguments: words.collect() })
    }

    /// The program without its arguments.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it in a process group of its own, so that what it starts in turn can be ended with it.
    /// Its output becomes lines of the log.
    pub(super) fn spawn(&self, purpose: &'static str) -> io::Result<Running> {
        let mut command = Command::new(&self.name);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Running::new(command.process_group(0).kill_on_drop(true).spawn()?, purpose))
    }

    /// Runs it to its end, which is its own affair, within bounds.
    pub(super) async fn run(&self, purpose: &'static str, pace: Pace) {
        let mut running = match self.spawn(purpose) {
            Ok(running) => running,
            Err(error) => {
                tracing::warn!(program = %self, kind = %error.kind(), "cannot be run");
                return;
            }
        };
        if timeout(pace.stop_timeout, running.ended()).await.is_err() {
            tracing::warn!(program = %self, "does not end and is killed");
        }
        running.end(pace.term_grace).await;
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_program() {
        let words = |words: &[&str]| Program::new(words.iter().map(|word| (*word).to_owned()).collect());
        let program = words(&["nitro-cli", "run-enclave", "--cpu-count=2"]).unwrap();
        assert_eq!((program.name(), program.arguments.len()), ("nitro-cli", 2));
        assert_eq!(words(&[]), Err(NoProgram));
        assert_eq!(words(&["", "x"]), Err(NoProgram));
    }
}
