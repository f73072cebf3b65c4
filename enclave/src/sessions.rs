//! Open sessions, bounded, each pinned to the release it was verified against.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use strongroom_attestation::channel::ServerSession;
use strongroom_proto::hello::OfferId;

use crate::access::Caller;
use crate::limits::{MAX_SESSIONS, SESSION_IDLE};
use crate::serving::Serving;

/// A session, whose it is and what it was verified against.
pub(crate) struct Live {
    pub(crate) channel: ServerSession,
    pub(crate) caller: Caller,
    pub(crate) serving: Arc<Serving>,
}

#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<OfferId, Entry>>);

struct Entry {
    live: Arc<Live>,
    used: Instant,
}

impl Sessions {
    /// Adds a session. When all places are taken, the longest unused one goes.
    pub(crate) fn add(&self, live: Arc<Live>, now: Instant) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= MAX_SESSIONS {
            table.retain(|_, entry| now.saturating_duration_since(entry.used) < SESSION_IDLE);
        }
        if table.len() >= MAX_SESSIONS {
            let oldest = table.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id);
            oldest.and_then(|id| table.remove(&id));
        }
        table.insert(live.channel.id(), Entry { live, used: now });
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
