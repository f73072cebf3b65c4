//! Pauses between starts.

use std::time::Duration;

/// None before the first start, then a pause that doubles up to its bound.
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: Duration::ZERO }
    }

    /// The pause before the start that is due.
    pub(super) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (2 * now).clamp(self.min, self.max);
        now
    }

    /// The last start was a good one.
    pub(super) fn reset(&mut self) {
        self.next = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_their_bound_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let pauses: Vec<_> = (0..6).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!((backoff.next().as_secs(), backoff.next().as_secs()), (0, 1));
    }
}
