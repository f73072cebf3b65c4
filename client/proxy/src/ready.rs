//! Whether a verified enclave answers, for probes that may be many and rude.
//!
//! A session that is held says nothing of an enclave that has died since. So once the last sign of life is old, one probe
//! looks for the enclave and all others wait for what it finds: they cost the enclave one look in [`CHECK_AFTER`], however
//! many there are, and none of them hears of a life that ended longer than that and [`CHECK_TIME`] ago.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::failure::{Failure, Fault};
use crate::limits::{CHECK_AFTER, CHECK_TIME, READY_TIME};

/// What was found last.
pub(crate) struct Readiness {
    last: Arc<Mutex<Option<Found>>>,
    after: Duration,
    within: Duration,
}

struct Found {
    at: Instant,
    ready: Result<(), Failure>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { last: Arc::default(), after: CHECK_AFTER, within: CHECK_TIME }
    }
}

impl Readiness {
    /// What was found a moment ago, or is found by this look, which goes on where its probe goes away.
    pub(crate) async fn probe<L>(&self, look: L) -> Result<(), Failure>
    where
        L: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(found) = last.as_ref().filter(|found| found.at.elapsed() < self.after) {
            return found.ready.clone();
        }
        let within = self.within;
        let looking = tokio::spawn(async move {
            let ready = timeout(within, look).await.unwrap_or_else(|_| Err(late()));
            *last = Some(Found { at: Instant::now(), ready: ready.clone() });
            ready
        });
        looking.await.unwrap_or_else(|_| Err(late()))
    }

    /// An answer came: a sign of life that costs nothing. Where somebody looks, that look decides.
    pub(crate) fn alive(&self) {
        if let Ok(mut last) = self.last.try_lock() {
            *last = Some(Found { at: Instant::now(), ready: Ok(()) });
        }
    }
}

/// A probe wants to know now, not once everything was tried.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(READY_TIME, work).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> Failure {
    Failure::new(Fault::NotReady, "no verified enclave answers")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn looking_after(after: Duration) -> Readiness {
        Readiness { after, within: Duration::from_millis(20), ..Readiness::default() }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn many_probes_share_one_look_whoever_goes_away() {
        let (readiness, looks) = (looking_after(LONG), Arc::new(AtomicUsize::new(0)));
        let probe = || {
            let looks = Arc::clone(&looks);
            readiness.probe(async move {
                looks.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(())
            })
        };
        assert!(timeout(Duration::from_millis(1), probe()).await.is_err());
        let (one, two, three) = tokio::join!(probe(), probe(), probe());
        assert!(one.is_ok() && two.is_ok() && three.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_old_sign_of_life_is_none_and_a_look_ends() {
        let readiness = looking_after(Duration::ZERO);
        readiness.alive();
        let failure = readiness.probe(std::future::pending()).await.unwrap_err();
        assert_eq!(failure.fault, Fault::NotReady);
        assert!(readiness.probe(async { Ok(()) }).await.is_ok(), "and it comes back by itself");
        let fresh = looking_after(LONG);
        fresh.alive();
        assert!(fresh.probe(std::future::pending()).await.is_ok());
    }
}
