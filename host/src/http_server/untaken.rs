//! Answers of one connection that its client has not taken whole.
//!
//! An answer takes memory that others wait for. HTTP/2 lets a client keep a connection alive and leave an answer where it is,
//! and what waits for room to send is not asked whether it still wants to: so it is the connection that watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};

use crate::config::Timing;
use crate::limits::MAX_CONNECTION_ANSWER_BYTES;

/// The answers of a connection.
#[derive(Clone, Default)]
pub(crate) struct Untaken(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    next: u64,
    bytes: usize,
    untaken: HashMap<u64, Progress>,
}

/// Since when an answer is there, and when something was taken of it last.
#[derive(Clone, Copy)]
struct Progress {
    begun: Instant,
    taken: Instant,
}

/// One of the answers, until dropped.
pub(crate) struct Taking {
    untaken: Untaken,
    number: u64,
    bytes: usize,
}

impl Untaken {
    /// Begins to watch an answer of so many bytes, unless the connection has too many already.
    pub(crate) fn begin(&self, bytes: usize) -> Option<Taking> {
        let mut answers = self.lock();
        let held = answers.bytes.checked_add(bytes).filter(|held| *held <= MAX_CONNECTION_ANSWER_BYTES)?;
        answers.bytes = held;
        let number = answers.next;
        answers.next += 1;
        let now = Instant::now();
        answers.untaken.insert(number, Progress { begun: now, taken: now });
        Some(Taking { untaken: self.clone(), number, bytes })
    }

    /// Returns once one of the answers is late: nothing, or not all of it, was taken in time.
    pub(super) async fn late(&self, timing: Timing) {
        loop {
            let now = Instant::now();
            let of = |each: &Progress| (each.taken + timing.answer_stall).min(each.begun + timing.answer);
            let first = self.lock().untaken.values().map(of).min();
            // Where there is none now, the next one is not late before then.
            let late = first.unwrap_or(now + timing.answer_stall.min(timing.answer));
            if late <= now {
                return;
            }
            sleep_until(late).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taking {
    /// Notes that something was taken of the answer.
    pub(crate) fn goes_on(&self) {
        if let Some(progress) = self.untaken.lock().untaken.get_mut(&self.number) {
            progress.taken = Instant::now();
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let mut answers = self.untaken.lock();
        answers.untaken.remove(&self.number);
        answers.bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Whether an answer is late by then.
    async fn is_late(untaken: &Untaken, timing: Timing, by: Duration) -> bool {
        timeout(by, untaken.late(timing)).await.is_ok()
    }

    #[tokio::test]
    async fn an_answer_is_late_when_nothing_or_not_all_of_it_is_taken_in_time() {
        let timing = Timing { answer_stall: ms(400), answer: ms(1500), ..Timing::default() };
        let untaken = Untaken::default();
        assert!(!is_late(&untaken, timing, ms(1000)).await, "there is none");
        drop(untaken.begin(1).unwrap());
        assert!(!is_late(&untaken, timing, ms(1000)).await, "it was taken");

        let (_other, began) = (Untaken::default().begin(1).unwrap(), Instant::now());
        let left = untaken.begin(1).unwrap();
        assert!(is_late(&untaken, timing, ms(5000)).await);
        assert!(began.elapsed() >= ms(400) && began.elapsed() < ms(1500), "{:?}", began.elapsed());
        drop(left);

        let (slow, began) = (untaken.begin(1).unwrap(), Instant::now());
        let goes_on = async {
            loop {
                sleep(ms(50)).await;
                slow.goes_on();
            }
        };
        tokio::select! {
            () = untaken.late(timing) => {}
            () = goes_on => {}
        }
        assert!(began.elapsed() >= ms(1500), "{:?}", began.elapsed());
    }

    #[test]
    fn one_connection_holds_so_much_and_no_more() {
        let untaken = Untaken::default();
        let most = untaken.begin(MAX_CONNECTION_ANSWER_BYTES - 1).unwrap();
        let last = untaken.begin(1).unwrap();
        assert!(untaken.begin(1).is_none() && untaken.begin(usize::MAX).is_none());
        assert!(Untaken::default().begin(1).is_some(), "another connection has its own");
        drop(last);
        assert!(untaken.begin(1).is_some());
        drop(most);
        assert!(untaken.begin(MAX_CONNECTION_ANSWER_BYTES).is_some());
    }
}
