//! The enclave's time: that of its own NSM documents, carried on by the monotonic clock.
//!
//! The host sets the system clock, so nothing here or below asks it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use strongroom_attestation::{Statement, UnixMillis};

/// A clock anchored at the latest NSM document. Clones share the anchor.
#[derive(Clone)]
pub(crate) struct EnclaveClock(Arc<Mutex<Anchor>>);

/// The present time, and the time of the latest document, which the present goes by and which is never later.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) now: UnixMillis,
    pub(crate) anchor: UnixMillis,
}

#[derive(Clone, Copy)]
struct Anchor {
    /// What the latest document says.
    document: UnixMillis,
    /// The time at `at`: the document's, unless the clock was ahead of it.
    time: UnixMillis,
    at: Instant,
}

impl EnclaveClock {
    /// Starts at the time of a document that this enclave's NSM made just now.
    pub(crate) fn start(document: &Statement) -> Self {
        let time = document.timestamp();
        Self(Arc::new(Mutex::new(Anchor { document: time, time, at: Instant::now() })))
    }

    /// Anchors anew at a later document of this enclave's NSM. Never moves the clock back.
    pub(crate) fn anchor(&self, document: &Statement) {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *anchor = anchor.documented(document.timestamp(), Instant::now());
    }

    /// The present time.
    pub(crate) fn now(&self) -> UnixMillis {
        self.reading().now
    }

    /// The present time, and the time of the document that it goes by.
    pub(crate) fn reading(&self) -> Reading {
        let anchor = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Reading { now: anchor.at(Instant::now()), anchor: anchor.document }
    }

    /// The same clock as KMS requests take it.
    pub(crate) fn for_kms(&self) -> strongroom_kms::Clock {
        let clock = self.clone();
        strongroom_kms::Clock::new(move || SystemTime::UNIX_EPOCH + clock.now().since_epoch())
    }
}

impl Anchor {
    fn at(self, instant: Instant) -> UnixMillis {
        self.time.plus(instant.saturating_duration_since(self.at))
    }

    /// Anchored at a document that states this time at that instant.
    fn documented(self, stated: UnixMillis, at: Instant) -> Self {
        // Of two that are made at once, the later one counts.
        Self { document: stated.max(self.document), time: stated.max(self.at(at)), at }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_names_no_time_that_no_document_has() {
        let (start, millis) = (Instant::now(), UnixMillis::new);
        let after = |ms| start + Duration::from_millis(ms);
        let first = Anchor { document: millis(1000), time: millis(1000), at: start };
        // It is ahead of what the next document says.
        let ahead = first.documented(millis(1200), after(500));
        assert_eq!((ahead.time, ahead.document), (millis(1500), millis(1200)));
        // It was frozen and has missed a minute.
        let woken = ahead.documented(millis(62_000), after(600));
        assert_eq!((woken.time, woken.document), (millis(62_000), millis(62_000)));
        // Of two that were made at once, the earlier one comes last.
        let late = woken.documented(millis(61_990), after(610));
        assert_eq!((late.time, late.document), (millis(62_010), millis(62_000)));
    }
}
