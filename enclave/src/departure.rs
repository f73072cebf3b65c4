//! When a sealed answer leaves: as soon as it is ready, or on a grid where the controls ask for one.
//!
//! A refused request runs no model, so it is ready sooner. On the grid, whole multiples of a quantum after the message came, the
//! host sees how many quanta an answer took and nothing finer. The answer is recorded and sealed a lead before it leaves: the host
//! is handed the audit log on a clock of its own, so that a record written at once would tell of a decision before its time,
//! and what is sealed takes longer the more there is to hash.

use std::time::{Duration, Instant};

/// Time before leaving from which on a thread sleeps and no timer of the runtime runs. Those are late by up to a millisecond, and how much
/// depends on when they were begun: it would tell what they are to hide.
const LAST: Duration = Duration::from_millis(2);

/// Share of a quantum in which an answer is recorded and sealed before it leaves.
const LEAD_SHARE: u32 = 4;

/// When the answer to one message leaves.
#[derive(Clone, Copy)]
pub(crate) struct Departure {
    came: Instant,
    quantum: Option<Duration>,
}

impl Departure {
    /// Of a message that came then. Without a quantum nothing waits.
    pub(crate) fn new(came: Instant, quantum: Option<Duration>) -> Self {
        Self { came, quantum }
    }

    /// Waits until an answer that was decided on is to be recorded and sealed.
    pub(crate) async fn to_seal(self) {
        let Some(quantum) = self.quantum else { return };
        let lead = quantum / LEAD_SHARE;
        let after = leaves(self.came.elapsed() + lead, quantum).saturating_sub(lead);
        tokio::time::sleep_until((self.came + after).into()).await;
    }

    /// Waits until an answer that was sealed is to leave.
    pub(crate) async fn to_leave(self) {
        let Some(quantum) = self.quantum else { return };
        let at = self.came + leaves(self.came.elapsed(), quantum);
        if let Some(nearly) = at.checked_sub(LAST) {
            tokio::time::sleep_until(nearly.into()).await;
        }
        let last = move || std::thread::sleep(at.saturating_duration_since(Instant::now()));
        // Where there is no thread any more, there is nobody to answer either.
        let _ = tokio::task::spawn_blocking(last).await;
    }
}

/// The first multiple of the quantum, zero left out, at which something that takes so long is ready.
fn leaves(takes: Duration, quantum: Duration) -> Duration {
    let quanta = takes.as_nanos().div_ceil(quantum.as_nanos().max(1)).max(1);
    quantum.saturating_mul(u32::try_from(quanta).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const QUANTUM: Duration = Duration::from_millis(20);

    #[test]
    fn answers_leave_at_the_next_multiple_and_never_at_once() {
        let at = |micros: u64| leaves(Duration::from_micros(micros), QUANTUM).as_millis();
        assert_eq!([0, 1, 20_000, 20_001, 40_000, 1_000_001].map(at), [20, 20, 20, 40, 40, 1020]);
    }

    #[tokio::test]
    async fn whatever_was_decided_when_is_sealed_a_lead_before_it_leaves() {
        for busy in [0, 3, 14] {
            let came = Instant::now();
            tokio::time::sleep(Duration::from_millis(busy)).await;
            let departure = Departure::new(came, Some(QUANTUM));
            departure.to_seal().await;
            let sealed = came.elapsed();
            departure.to_leave().await;
            let left = came.elapsed();
            // Timers are late where the machine is busy, and never early.
            assert!(sealed.as_millis() % 20 >= 15 || left.as_millis() >= 40, "{busy}: {sealed:?}");
            assert!(left >= QUANTUM && left > sealed, "{busy}: {left:?}");
        }
    }

    #[test]
    fn without_a_quantum_nothing_waits() {
        let departure = Departure::new(Instant::now(), None);
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(departure.to_seal()).poll(&mut context).is_ready());
        assert!(pin!(departure.to_leave()).poll(&mut context).is_ready());
    }
}
