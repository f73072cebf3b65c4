//! A started program, and everything in its process group.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::output;
use crate::limits::PROGRAM_OUTPUT_GRACE;

/// Killed when dropped.
pub(super) struct Running {
    child: Child,
    purpose: &'static str,
    output: JoinSet<()>,
    told: bool,
    left: bool,
}

impl Running {
    pub(super) fn new(mut child: Child, purpose: &'static str) -> Self {
        let mut output = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            output.spawn(output::log_lines(stdout, purpose));
        }
        if let Some(stderr) = child.stderr.take() {
            output.spawn(output::log_lines(stderr, purpose));
        }
        tracing::info!(purpose, id = child.id(), "program started");
        Self { child, purpose, output, told: false, left: false }
    }

    /// Waits for its end and says whether it was a good one. May be asked again.
    pub(super) async fn ended(&mut self) -> bool {
        let status = self.child.wait().await.ok();
        if !std::mem::replace(&mut self.told, true) {
            let status = status.map(|status| status.to_string()).unwrap_or_default();
            tracing::info!(purpose = self.purpose, %status, "program ended");
        }
        status.is_some_and(|status| ExitStatus::success(&status))
    }

    /// Notes that it left the enclave to itself, so that its end means nothing any more.
    pub(super) fn leave(&mut self) {
        self.left = true;
    }

    pub(super) fn is_left(&self) -> bool {
        self.left
    }

    /// Ends it with its group unless it has ended, and takes the last of its output.
    pub(super) async fn end(mut self, term_grace: Duration) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal(Signal::TERM);
            if timeout(term_grace, self.ended()).await.is_err() {
                self.signal(Signal::KILL);
                self.ended().await;
            }
        }
        let rest = async { while self.output.join_next().await.is_some() {} };
        // What it left behind may hold its output open.
        let _ = timeout(PROGRAM_OUTPUT_GRACE, rest).await;
    }

    fn signal(&self, signal: Signal) {
        // Only a child that has not been waited for has an id, so that it cannot be another's by now.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id
            && let Err(error) = kill_process_group(id, signal)
        {
            tracing::warn!(purpose = self.purpose, %error, "cannot be signalled");
        }
    }
}
