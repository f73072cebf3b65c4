//! What clients got: right answers, wrong ones, and none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use strongroom_client::{ClientError, ErrorClass};
use strongroom_seal::message::Refusal;
use tokio::sync::watch;

/// What each client got.
#[derive(Default)]
pub(crate) struct Board {
    channels: Mutex<Vec<Arc<Channel>>>,
}

/// One client.
pub(crate) struct Channel {
    name: String,
    /// Whether recoveries wait for it.
    counts: bool,
    tally: Mutex<Tally>,
    /// When the request was sent that got the latest right answer.
    right: watch::Sender<Option<Instant>>,
}

/// How often what came of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) right: u64,
    pub(crate) wrong: u64,
    /// Requests without an answer, by what the client was told.
    pub(crate) none: BTreeMap<String, u64>,
    /// Of these, what nothing that was done here explains.
    pub(crate) unexplained: BTreeMap<String, u64>,
}

impl Board {
    /// A client whose answers decide whether the service has recovered.
    pub(crate) fn channel(&self, name: &str) -> Arc<Channel> {
        self.add(name, true)
    }

    /// One that may be refused for good.
    pub(crate) fn hidden(&self, name: &str) -> Arc<Channel> {
        self.add(name, false)
    }

    fn add(&self, name: &str, counts: bool) -> Arc<Channel> {
        let (tally, right) = (Mutex::default(), watch::Sender::new(None));
        let channel = Arc::new(Channel { name: name.to_owned(), counts, tally, right });
        self.lock().push(Arc::clone(&channel));
        channel
    }

    /// Waits until every client has a right answer to a request that it sent after `end`, and says when the last one had, and
    /// which. The name of a client that has none in time is the error.
    pub(crate) async fn recovered(
        &self,
        end: Instant,
        limit: Duration,
    ) -> Result<(Duration, String), String> {
        let channels: Vec<_> = self.lock().iter().filter(|channel| channel.counts).cloned().collect();
        let mut last = String::new();
        for channel in channels {
            let mut right = channel.right.subscribe();
            if right.borrow().is_none_or(|sent| sent < end) {
                last.clone_from(&channel.name);
            }
            let again = right.wait_for(|sent| sent.is_some_and(|sent| sent >= end));
            let left = (end + limit).saturating_duration_since(Instant::now());
            if !tokio::time::timeout(left, again).await.is_ok_and(|again| again.is_ok()) {
                return Err(channel.name.clone());
            }
        }
        Ok((end.elapsed(), last))
    }

    /// Right answers so far.
    pub(crate) fn right(&self) -> u64 {
        self.lock().iter().map(|channel| channel.lock().right).sum()
    }

    /// What each client got, by its name.
    pub(crate) fn tallies(&self) -> Vec<(String, Tally)> {
        self.lock().iter().map(|channel| (channel.name.clone(), channel.lock().clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// An answer that the client accepted, to a request that was sent then.
    pub(crate) fn answered(&self, sent: Instant, right: bool) {
        if right {
            self.lock().right += 1;
            self.right.send_if_modified(|latest| {
                // Requests overtake each other.
                let later = *latest < Some(sent);
                *latest = (*latest).max(Some(sent));
                later
            });
        } else {
            self.lock().wrong += 1;
        }
    }

    /// A request without an answer, and what the client was told.
    pub(crate) fn none(&self, why: impl Into<String>) {
        *self.lock().none.entry(why.into()).or_default() += 1;
    }

    /// As [`Channel::none`], for what nothing that was done here explains.
    pub(crate) fn unexplained(&self, why: impl Into<String>) {
        let why = why.into();
        *self.lock().unexplained.entry(why.clone()).or_default() += 1;
        self.none(why);
    }

    /// Sorts an error of the client library. No fault here makes an honest enclave's evidence or answers false, or a key
    /// unknown; and whoever tries again while the first attempt is still worked on is told so.
    pub(crate) fn failed(&self, error: &ClientError) {
        let explained = matches!(error, ClientError::Refused(Refusal::InFlight | Refusal::Limit { .. }))
            || error.class() == ErrorClass::Unreachable;
        if explained { self.none(error.to_string()) } else { self.unexplained(error.to_string()) }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_recovery_waits_for_every_client_and_for_requests_of_its_own() {
        let board = Board::default();
        let (one, other) = (board.channel("one"), board.channel("other"));
        board.hidden("metered");
        let (before, limit) = (Instant::now(), Duration::from_millis(50));
        one.answered(before, true);
        other.answered(before, true);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let end = Instant::now();
        one.answered(before, true);
        assert_eq!(board.recovered(end, limit).await, Err("one".to_owned()), "it was sent before");
        one.answered(Instant::now(), true);
        other.answered(Instant::now(), false);
        assert_eq!(board.recovered(end, limit).await, Err("other".to_owned()), "its answer was wrong");
        other.answered(Instant::now(), true);
        assert!(board.recovered(end, Duration::from_secs(5)).await.is_ok());
        assert_eq!((board.right(), board.tallies()[1].1.wrong), (5, 1));
    }
}
