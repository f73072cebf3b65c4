//! Keeps one connection to the enclave, dialling again with a growing pause.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use strongroom_link::{Endpoint, LinkError, Mux};
use tokio::time::{Instant, sleep, timeout};

use super::Relay;
use crate::limits::{CONNECT_TIMEOUT, MAX_BACKOFF, MIN_BACKOFF};

/// Keeps the connection of one slot. Never returns.
pub(crate) async fn keep_connected(relay: Arc<Relay>, slot: usize, enclave: Endpoint) {
    let (mut backoff, mut news) = (MIN_BACKOFF, relay.news.subscribe());
    loop {
        let started = Instant::now();
        let ended = relay.hold(slot, &enclave).await;
        tracing::debug!(slot, %ended, "no connection to the enclave");
        // A connection that lasted was a good one; one that fell at once is no reason to hurry.
        backoff = if started.elapsed() > MAX_BACKOFF { MIN_BACKOFF } else { next(backoff) };
        sleep(MIN_BACKOFF).await;
        // An enclave that asks for something is there.
        let _ = timeout(backoff - MIN_BACKOFF, news.changed()).await;
    }
}

fn next(backoff: Duration) -> Duration {
    (2 * backoff).min(MAX_BACKOFF)
}

impl Relay {
    async fn hold(&self, slot: usize, enclave: &Endpoint) -> LinkError {
        let mux = match enclave.connect(CONNECT_TIMEOUT).await {
            Ok(stream) => Mux::new(stream),
            Err(error) => return error,
        };
        self.put(slot, Some(mux.clone()));
        self.count(1);
        let ended = mux.closed().await;
        self.put(slot, None);
        self.count(-1);
        ended
    }

    fn put(&self, slot: usize, mux: Option<Mux>) {
        if let Some(slot) = self.slots.get(slot) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = mux;
        }
    }

    fn count(&self, change: isize) {
        self.up.send_modify(|up| {
            let before = up.connections;
            up.connections = before.saturating_add_signed(change);
            match (before, up.connections) {
                (0, _) => {
                    up.generation += 1;
                    tracing::info!("connected to the enclave");
                }
                (_, 0) => tracing::warn!("the enclave is gone"),
                _ => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_bound() {
        let mut pause = MIN_BACKOFF;
        for _ in 0..20 {
            let longer = next(pause);
            assert!(longer >= pause && longer <= MAX_BACKOFF);
            pause = longer;
        }
        assert_eq!(pause, MAX_BACKOFF);
    }
}
