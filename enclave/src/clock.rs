//! The enclave's time: that of its own NSM documents, carried on by the monotonic clock.
//!
//! The host sets the system clock, so nothing here or below asks it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use strongroom_attestation::{Statement, UnixMillis};

/// A clock anchored at the latest NSM document. Clones share the anchor.
#[derive(Clone)]
pub(crate) struct EnclaveClock(Arc<Mutex<Anchor>>);

/// A time, and where it is from.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) now: UnixMillis,
    pub(crate) anchor: UnixMillis,
}

#[derive(Clone, Copy)]
struct Anchor {
    time: UnixMillis,
    at: Instant,
}

impl EnclaveClock {
    /// Starts at the time of a document that this enclave's NSM made just now.
    pub(crate) fn start(document: &Statement) -> Self {
        Self(Arc::new(Mutex::new(Anchor { time: document.timestamp(), at: Instant::now() })))
    }

    /// Anchors anew at a later document of this enclave's NSM. Never moves the clock back.
    pub(crate) fn anchor(&self, document: &Statement) {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let time = document.timestamp().max(anchor.now());
        *anchor = Anchor { time, at: Instant::now() };
    }

    /// The present time.
    pub(crate) fn now(&self) -> UnixMillis {
        self.reading().now
    }

    /// The present time, and the time of the document that it goes by.
    pub(crate) fn reading(&self) -> Reading {
        let anchor = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Reading { now: anchor.now(), anchor: anchor.time }
    }

    /// The same clock as KMS requests take it.
    pub(crate) fn for_kms(&self) -> strongroom_kms::Clock {
        let clock = self.clone();
        strongroom_kms::Clock::new(move || SystemTime::UNIX_EPOCH + clock.now().since_epoch())
    }
}

impl Anchor {
    fn now(&self) -> UnixMillis {
        self.time.plus(self.at.elapsed())
    }
}
