//! How long this program itself was kept waiting: where the machine stood still, no answer could be in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// Time between two beats.
const BEAT: Duration = Duration::from_millis(50);

/// Beats until it is dropped.
pub(crate) struct Pulse {
    longest_us: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Pulse {
    pub(crate) fn begin() -> Self {
        let longest_us = Arc::new(AtomicU64::new(0));
        let own = Arc::clone(&longest_us);
        let task = tokio::spawn(async move {
            loop {
                let began = Instant::now();
                tokio::time::sleep(BEAT).await;
                let late = began.elapsed().saturating_sub(BEAT);
                own.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self { longest_us, task }
    }

    /// The longest that a beat was late, since this was asked last.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_us.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_stands_still_notices() {
        let pulse = Pulse::begin();
        tokio::task::yield_now().await;
        std::thread::sleep(4 * BEAT);
        tokio::time::sleep(2 * BEAT).await;
        assert!(pulse.longest() >= 2 * BEAT);
    }
}
