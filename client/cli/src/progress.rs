//! Progress of what takes long, on stderr, gone when it is done.
//!
//! Drawn only on a terminal that takes escape sequences; anywhere else all of this does nothing.

use std::io::Read;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;

/// Between two turns of what has no measure.
const TICK: Duration = Duration::from_millis(120);

/// Colours are none of its business: position and time say it all.
const BYTES: &str = "{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}";
const STEPS: &str = "{msg} [{wide_bar}] {pos}/{len} {eta}";
const BUSY: &str = "{spinner} {msg} {elapsed}";

/// Something that is under way. It disappears when dropped, before anything else is written.
pub(crate) struct Progress(ProgressBar);

/// Something of so many bytes.
pub(crate) fn bytes(what: &'static str, total: u64) -> Progress {
    Progress::start(what, Some(total), BYTES)
}

/// Something of so many steps.
pub(crate) fn steps(what: &'static str, total: usize) -> Progress {
    Progress::start(what, u64::try_from(total).ok(), STEPS)
}

/// Something that does not say how far it is.
pub(crate) fn busy(what: &'static str) -> Progress {
    let progress = Progress::start(what, None, BUSY);
    if terminal::is_animated() {
        progress.0.enable_steady_tick(TICK);
    }
    progress
}

impl Progress {
    fn start(what: &'static str, total: Option<u64>, template: &str) -> Self {
        if !terminal::is_animated() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what))
    }

    /// One step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// Counts what is read through it.
    pub(crate) fn reader<R: Read>(&self, from: R) -> impl Read + use<R> {
        self.0.wrap_read(from)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_sound_and_bytes_pass_unchanged() {
        for template in [BYTES, STEPS, BUSY] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
        let progress = bytes("reading", 3);
        let mut read = Vec::new();
        progress.reader(&b"abc"[..]).read_to_end(&mut read).unwrap();
        assert_eq!((read.as_slice(), progress.0.position()), (&b"abc"[..], 3));
    }
}
