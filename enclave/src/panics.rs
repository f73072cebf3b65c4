//! Panics inside a request: each costs that request, is counted, and says nothing of what the request was about.
//!
//! Where a model or a treatment panics, that depends on what was asked: it becomes a sealed refusal, and its count is for
//! the owner's keys alone. Anywhere else in a message the host sees that there is no answer, and may know how often.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use strongroom_engine::{Panicked, guarded};

/// Panics since boot.
#[derive(Default)]
pub(crate) struct Panics {
    messages: AtomicU64,
    models: AtomicU64,
}

impl Panics {
    /// Handles one message; nothing when that panics.
    pub(crate) async fn message<T>(&self, handled: impl Future<Output = T>) -> Option<T> {
        let mut handled = pin!(handled);
        let contained = poll_fn(|context| match guarded(|| handled.as_mut().poll(context)) {
            Ok(poll) => poll.map(Some),
            Err(Panicked) => Poll::Ready(None),
        });
        let done = contained.await;
        self.messages.fetch_add(u64::from(done.is_none()), Ordering::Relaxed);
        done
    }

    /// Runs models and treats what they answer; nothing when that panics.
    pub(crate) fn model<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let done = guarded(work).ok();
        if done.is_none() {
            self.in_model();
        }
        done
    }

    /// Counts a panic of a model that the engine has contained.
    pub(crate) fn in_model(&self) {
        self.models.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that a panic has cost, as the host has seen.
    pub(crate) fn of_messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// All of them. For the owner.
    pub(crate) fn all(&self) -> u64 {
        self.of_messages().saturating_add(self.models.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics once more while what the first panic said is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[tokio::test]
    async fn a_panic_costs_its_message_and_is_counted() {
        let panics = Panics::default();
        assert_eq!(panics.message(async { 1 }).await, Some(1));
        assert_eq!(panics.message(async { panic!("at once") }).await, None::<()>);
        let later = async {
            tokio::task::yield_now().await;
            panic!("later")
        };
        assert_eq!(panics.message(later).await, None::<()>);
        assert_eq!(panics.message(async { std::panic::panic_any(Bomb) }).await, None::<()>);
        assert_eq!(panics.message(async { 2 }).await, Some(2), "the next one is handled");
        assert_eq!((panics.of_messages(), panics.all()), (3, 3));
    }

    #[test]
    fn a_panic_of_a_model_is_for_the_owner_to_know() {
        let panics = Panics::default();
        assert_eq!(panics.model(|| 1), Some(1));
        assert_eq!(panics.model(|| std::panic::panic_any(Bomb)), None::<()>);
        panics.in_model();
        assert_eq!((panics.of_messages(), panics.all()), (0, 2));
    }
}
