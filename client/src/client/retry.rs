//! How often a failed call is tried again, and how long it waits for it.

use std::time::Duration;

use strongroom_core::{ClientError, Cure};
use tokio::time::{Instant, sleep};

use crate::limits::{FIRST_BACKOFF, MAX_ATTEMPTS, MAX_BACKOFF};
use crate::transport::Failed;

/// A failed attempt, and how long the host asked to wait.
pub(super) struct Attempt {
    error: ClientError,
    retry_after: Option<Duration>,
}

impl From<ClientError> for Attempt {
    fn from(error: ClientError) -> Self {
        Self { error, retry_after: None }
    }
}

impl From<Failed> for Attempt {
    fn from(failed: Failed) -> Self {
        Self { error: failed.error.into(), retry_after: failed.retry_after }
    }
}

/// The attempts that are left.
pub(super) struct Retries {
    left: u32,
    backoff: Duration,
    /// Absent where the clock does not reach as far.
    until: Option<Instant>,
}

impl Retries {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { left: MAX_ATTEMPTS - 1, backoff: FIRST_BACKOFF, until: Instant::now().checked_add(deadline) }
    }

    /// Waits before the next attempt, or returns the error when there is none.
    pub(super) async fn wait(&mut self, failed: impl Into<Attempt>) -> Result<(), ClientError> {
        let Attempt { error, retry_after } = failed.into();
        let Some(wait) = self.next(&error, retry_after) else { return Err(error) };
        tracing::debug!(%error, ?wait, "another attempt");
        sleep(wait).await;
        Ok(())
    }

    fn next(&mut self, error: &ClientError, retry_after: Option<Duration>) -> Option<Duration> {
        let wait = match error.cure() {
            Cure::None => return None,
            Cure::Attestation => Duration::ZERO,
            Cure::Time => retry_after.unwrap_or(self.backoff).max(self.backoff).min(MAX_BACKOFF),
        };
        self.left = self.left.checked_sub(1)?;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
        let now = Instant::now();
        self.until.is_none_or(|until| now + wait < until).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::TransportError;

    use super::*;

    #[test]
    fn attempts_are_bounded_and_waits_too() {
        let mut retries = Retries::new(Duration::MAX);
        let busy = ClientError::Transport(TransportError::Busy);
        assert_eq!(retries.next(&busy, None), Some(FIRST_BACKOFF));
        assert_eq!(retries.next(&busy, None), Some(2 * FIRST_BACKOFF));
        assert_eq!(retries.next(&busy, Some(Duration::from_secs(1))), Some(Duration::from_secs(1)));
        assert_eq!(retries.next(&busy, Some(Duration::from_secs(9999))), Some(MAX_BACKOFF));
        assert!(retries.next(&ClientError::Transport(TransportError::Misdirected), None).is_some());
        let rest = (0..MAX_ATTEMPTS).take_while(|_| retries.next(&busy, None).is_some()).count();
        assert_eq!(rest, MAX_ATTEMPTS as usize - 1 - 5);
    }

    #[test]
    fn no_attempt_starts_after_the_deadline() {
        let busy = ClientError::Transport(TransportError::Busy);
        assert_eq!(Retries::new(Duration::ZERO).next(&busy, None), None);
    }
}
