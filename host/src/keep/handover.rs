//! When the enclave hands something over, so that a host that stops its enclave does not cut off what comes after the last
//! answer.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::limits::{HAND_OVER_QUIET, STATE_BYTES_PER_SECOND};

/// What is being handed over, and by when more may come.
pub(crate) struct HandOver(watch::Sender<Expected>);

#[derive(Clone, Copy)]
struct Expected {
    in_work: usize,
    by: Instant,
}

/// Something that is being handed over, until dropped.
pub(crate) struct HandingOver<'a> {
    of: &'a HandOver,
    pause: Duration,
}

impl HandOver {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Expected { in_work: 0, by: Instant::now() }))
    }

    /// A batch or a report: the next one comes within a second.
    pub(crate) fn begin(&self) -> HandingOver<'_> {
        self.begin_with(HAND_OVER_QUIET)
    }

    /// A state of so many bytes. The larger it is, the later comes the next one.
    pub(crate) fn begin_state(&self, bytes: usize) -> HandingOver<'_> {
        self.begin_with(HAND_OVER_QUIET + Duration::from_secs((bytes / STATE_BYTES_PER_SECOND) as u64))
    }

    fn begin_with(&self, pause: Duration) -> HandingOver<'_> {
        self.0.send_modify(|expected| expected.in_work += 1);
        HandingOver { of: self, pause }
    }

    /// Returns once nothing is in work and nothing more came for as long as an enclave takes that has more.
    pub(crate) async fn until_quiet(&self) {
        let mut changes = self.0.subscribe();
        let least = Instant::now() + HAND_OVER_QUIET;
        loop {
            let Expected { in_work, by } = *changes.borrow_and_update();
            if in_work > 0 {
                // The sender lives as long as this.
                let _ = changes.changed().await;
            } else if timeout_at(by.max(least), changes.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for HandingOver<'_> {
    fn drop(&mut self) {
        self.of.0.send_modify(|expected| {
            expected.in_work -= 1;
            expected.by = expected.by.max(Instant::now() + self.pause);
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    async fn is_quiet_after(hand_over: &HandOver) -> Duration {
        let start = Instant::now();
        timeout(Duration::from_secs(20), hand_over.until_quiet()).await.unwrap();
        start.elapsed()
    }

    #[tokio::test]
    async fn it_is_quiet_when_nothing_more_came_for_long_enough() {
        let hand_over = HandOver::new();
        assert!(is_quiet_after(&hand_over).await >= HAND_OVER_QUIET, "an answer may have come just now");
        let work = hand_over.begin();
        assert!(timeout(2 * HAND_OVER_QUIET, hand_over.until_quiet()).await.is_err(), "in work");
        let late = async {
            sleep(HAND_OVER_QUIET / 2).await;
            drop(work);
        };
        let (quiet, ()) = tokio::join!(is_quiet_after(&hand_over), late);
        assert!(quiet >= HAND_OVER_QUIET * 3 / 2, "{quiet:?}");
        drop(hand_over.begin_state(2 * STATE_BYTES_PER_SECOND));
        let large = is_quiet_after(&hand_over).await;
        assert!(large > HAND_OVER_QUIET + Duration::from_millis(1900), "{large:?}");
    }
}
