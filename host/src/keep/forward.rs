//! Writes what was kept of the audit log a second time, as JSON lines for whoever collects them.
//!
//! The database is what counts. A thread of its own writes, behind a bounded queue, so that a reader that
//! stalls never keeps a batch from being kept. What did not go out is not sent again.

mod lines;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use serde::Deserialize;

use super::audit::Kept;
use super::place::open_at_end;
use crate::limits::{FORWARD_GRACE, MAX_FORWARD_BATCHES};
use crate::metrics::{Metrics, bump};

/// Where the audit log is written a second time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ForwardTo {
    /// To the end of a file, which is opened for each batch, so that it may be moved away at any time.
    File(PathBuf),
    /// To stdout, written `-`.
    Stdout,
}

impl From<String> for ForwardTo {
    fn from(text: String) -> Self {
        if text == "-" { Self::Stdout } else { Self::File(text.into()) }
    }
}

impl FromStr for ForwardTo {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

/// The way to the thread that writes.
pub(super) struct Forwarder {
    queue: Option<SyncSender<Kept>>,
    /// Closed when the thread has ended.
    ended: Receiver<Infallible>,
    is_full: bool,
    metrics: Arc<Metrics>,
}

impl Forwarder {
    pub(super) fn start(to: ForwardTo, metrics: Arc<Metrics>) -> io::Result<Self> {
        let (queue, batches) = sync_channel(MAX_FORWARD_BATCHES);
        let (end, ended) = channel();
        let writer = Writer { to, log: None, is_troubled: false, metrics: Arc::clone(&metrics) };
        thread::Builder::new().name("audit-forward".into()).spawn(move || writer.run(&batches, end))?;
        Ok(Self { queue: Some(queue), ended, is_full: false, metrics })
    }

    /// Hands over a batch, or gives it up where the queue is full. Never waits.
    pub(super) fn pass_on(&mut self, kept: Kept) {
        let is_full = self.queue.as_ref().is_none_or(|queue| queue.try_send(kept).is_err());
        if is_full {
            bump(&self.metrics.forward_failures);
        }
        if is_full && !self.is_full {
            tracing::warn!("the audit log is not forwarded: its reader is too slow");
        }
        self.is_full = is_full;
    }
}

impl Drop for Forwarder {
    /// Gives the last lines some time.
    fn drop(&mut self) {
        self.queue = None;
        let _ = self.ended.recv_timeout(FORWARD_GRACE);
    }
}

/// What the thread knows.
struct Writer {
    to: ForwardTo,
    /// The log whose beginning was written last.
    log: Option<([u8; 16], u32)>,
    is_troubled: bool,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self, batches: &Receiver<Kept>, _end: Sender<Infallible>) {
        while let Ok(kept) = batches.recv() {
            let log = Some((kept.boot, kept.segment));
            let written = self.write(&lines::of(&kept, log != self.log));
            match &written {
                Ok(()) if kept.beginning.is_some() => self.log = log,
                Ok(()) => {}
                Err(_) => bump(&self.metrics.forward_failures),
            }
            self.tell_change(written.err());
        }
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        match &self.to {
            ForwardTo::File(path) => append(path, lines),
            ForwardTo::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()
            }
        }
    }

    /// Logs trouble when it begins or ends, not at every batch.
    fn tell_change(&mut self, trouble: Option<io::Error>) {
        match &trouble {
            Some(error) if !self.is_troubled => {
                tracing::warn!(error = %error.kind(), "the audit log cannot be forwarded");
            }
            None if self.is_troubled => tracing::info!("the audit log is forwarded again"),
            _ => {}
        }
        self.is_troubled = trouble.is_some();
    }
}

/// Adds whole lines to a file, behind whole lines: half of one, as a full disk or a sudden end leaves it, would make what
/// follows unreadable.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = open_at_end(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return file.write_all(lines);
    }
    let length = whole_lines(path, metadata.len())?;
    if length < metadata.len() {
        file.set_len(length)?;
    }
    file.write_all(lines).inspect_err(|_| {
        // What cannot be cut off now is next time.
        let _ = file.set_len(length);
    })
}

/// How many of the first bytes of a file are whole lines.
fn whole_lines(path: &Path, mut length: u64) -> io::Result<u64> {
    if length == 0 {
        return Ok(0);
    }
    let mut file = File::open(path)?;
    let mut piece = [0; 4096];
    while length > 0 {
        let size = length.min(piece.len() as u64);
        let piece = piece.get_mut(..usize::try_from(size).unwrap_or_default()).unwrap_or_default();
        file.seek(SeekFrom::Start(length - size))?;
        file.read_exact(piece)?;
        length -= size;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(length + at as u64 + 1);
        }
    }
    Ok(0)
}
