//! Open sessions, bounded, each pinned to the release it was verified against.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use strongroom_attestation::channel::ServerSession;
use strongroom_controls::Caller;
use strongroom_proto::hello::OfferId;

use crate::limits::{MAX_REFUSED_SESSIONS, MAX_SESSIONS, SESSION_IDLE};
use crate::serving::Serving;

/// A session, whose it is and what it was verified against.
pub(crate) struct Live {
    pub(crate) channel: ServerSession,
    /// `None` when the API key was refused.
    pub(crate) caller: Option<Caller>,
    pub(crate) serving: Arc<Serving>,
}

#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<OfferId, Entry>>);

struct Entry {
    live: Arc<Live>,
    used: Instant,
}

impl Sessions {
    /// Adds a session, unless its release was replaced meanwhile. When all places of its sort are taken,
    /// the longest unused one goes; refused keys have few places and take none from accepted ones.
    pub(crate) fn add(&self, live: Arc<Live>, now: Instant, is_current: impl Fn(&Live) -> bool) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock: whoever replaces the release clears the table afterwards.
        if !is_current(&live) {
            return;
        }
        let refused = live.caller.is_none();
        let places = if refused { MAX_REFUSED_SESSIONS } else { MAX_SESSIONS };
        let same_sort = |entry: &Entry| entry.live.caller.is_none() == refused;
        if table.values().filter(|entry| same_sort(entry)).count() >= places {
            let oldest =
                table.iter().filter(|(_, entry)| same_sort(entry)).min_by_key(|(_, entry)| entry.used);
            let oldest = oldest.map(|(id, _)| *id);
            oldest.and_then(|id| table.remove(&id));
        }
        table.insert(live.channel.id(), Entry { live, used: now });
    }

    /// Drops sessions that were unused for long.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, entry| now.saturating_duration_since(entry.used) < SESSION_IDLE);
    }

    pub(crate) fn get(&self, id: OfferId, now: Instant) -> Option<Arc<Live>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = table.get_mut(&id)?;
        entry.used = now;
        Some(Arc::clone(&entry.live))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ends every session: their release is no longer served.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
