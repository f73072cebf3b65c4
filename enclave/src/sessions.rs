//! Open sessions, bounded, each pinned to the release it was verified against.
//!
//! Those of refused API keys lie among those of accepted ones, and the longest unused one goes whosever it is. Places of their own
//! would tell the host which is which: it could fill them, and see whose session is gone. The price is that whoever knows no
//! key can make others that rest open a session anew.
//!
//! Messages look sessions up all the time, and only an opening adds one. So they lie in shards with a lock each, chosen by the
//! random id; how many there are is counted beside them, and the longest unused one is looked for only when all places
//! are taken.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use strongroom_attestation::channel::ServerSession;
use strongroom_controls::Caller;
use strongroom_proto::hello::OfferId;

use crate::limits::{MAX_SESSIONS, SESSION_IDLE, SESSION_SHARDS};
use crate::serving::Serving;

/// A session, whose it is and what it was verified against.
pub(crate) struct Live {
    pub(crate) channel: ServerSession,
    /// `None` when the API key was refused.
    pub(crate) caller: Option<Caller>,
    pub(crate) serving: Arc<Serving>,
}

/// What is held by session id.
struct Table<T> {
    shards: [Mutex<HashMap<OfferId, Entry<T>>>; SESSION_SHARDS],
    held: AtomicUsize,
    places: usize,
}

struct Entry<T> {
    held: Arc<T>,
    used: Instant,
}

pub(crate) struct Sessions(Table<Live>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Table::new(MAX_SESSIONS))
    }
}

impl Sessions {
    /// Adds a session, unless its release was replaced meanwhile. When all places are taken, the longest unused one goes.
    pub(crate) fn add(&self, live: Arc<Live>, now: Instant, is_current: impl Fn(&Live) -> bool) {
        self.0.add(live.channel.id(), live, now, is_current);
    }

    /// Drops sessions that were unused for long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.0.sweep(now);
    }

    pub(crate) fn get(&self, id: OfferId, now: Instant) -> Option<Arc<Live>> {
        self.0.get(id, now)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Ends every session: their release is no longer served.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

impl<T> Table<T> {
    fn new(places: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), held: AtomicUsize::new(0), places }
    }

    fn add(&self, id: OfferId, held: Arc<T>, now: Instant, is_current: impl Fn(&T) -> bool) {
        // A place is taken before anything is put there, so that there are never more than places.
        while self.held.fetch_add(1, Ordering::AcqRel) >= self.places {
            self.held.fetch_sub(1, Ordering::AcqRel);
            self.drop_oldest();
        }
        let mut shard = self.shard(id);
        // Asked under the lock: whoever replaces the release clears the shard afterwards.
        let replaced =
            if is_current(&held) { shard.insert(id, Entry { held, used: now }).is_some() } else { true };
        if replaced {
            self.held.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn get(&self, id: OfferId, now: Instant) -> Option<Arc<T>> {
        let mut shard = self.shard(id);
        let entry = shard.get_mut(&id)?;
        entry.used = now;
        Some(Arc::clone(&entry.held))
    }

    fn sweep(&self, now: Instant) {
        for shard in &self.shards {
            self.keep(&mut lock(shard), |entry| now.saturating_duration_since(entry.used) < SESSION_IDLE);
        }
    }

    fn clear(&self) {
        self.shards.iter().for_each(|shard| self.keep(&mut lock(shard), |_| false));
    }

    fn len(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    fn keep(&self, shard: &mut HashMap<OfferId, Entry<T>>, keep: impl Fn(&Entry<T>) -> bool) {
        let before = shard.len();
        shard.retain(|_, entry| keep(entry));
        self.held.fetch_sub(before - shard.len(), Ordering::AcqRel);
    }

    /// Looks at every session, one shard after the other.
    fn drop_oldest(&self) {
        let oldest = |shard: &Mutex<HashMap<OfferId, Entry<T>>>| {
            let shard = lock(shard);
            shard.iter().map(|(id, entry)| (entry.used, *id)).min_by_key(|(used, _)| *used)
        };
        let found = self.shards.iter().filter_map(oldest).min_by_key(|(used, _)| *used);
        if let Some((_, id)) = found
            && self.shard(id).remove(&id).is_some()
        {
            self.held.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn shard(&self, id: OfferId) -> MutexGuard<'_, HashMap<OfferId, Entry<T>>> {
        let [first, ..] = *id.as_bytes();
        let [shard, ..] = &self.shards;
        lock(self.shards.get(usize::from(first) % SESSION_SHARDS).unwrap_or(shard))
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(number: u32) -> OfferId {
        let mut bytes = [0; 16];
        bytes[0] = number.to_le_bytes()[0];
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        OfferId::new(bytes)
    }

    #[test]
    fn the_longest_unused_one_makes_room_whatever_its_shard() {
        let (table, start) = (Table::new(100), Instant::now());
        let at = |number: u32| start + Duration::from_secs(number.into());
        for number in 0..100 {
            table.add(id(number), Arc::new(number), at(number), |_| true);
        }
        assert_eq!(table.len(), 100);
        assert!(table.get(id(0), at(200)).is_some(), "used again");
        for number in 100..150 {
            table.add(id(number), Arc::new(number), at(number), |_| true);
        }
        assert_eq!(table.len(), 100);
        let held: Vec<u32> = (0..150).filter(|number| table.get(id(*number), at(300)).is_some()).collect();
        assert_eq!(held, [0].into_iter().chain(51..150).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_gone_gives_its_place_back() {
        let (table, start) = (Table::new(3), Instant::now());
        table.add(id(1), Arc::new(1), start, |_| true);
        table.add(id(1), Arc::new(2), start, |_| true);
        table.add(id(2), Arc::new(3), start, |_| false);
        assert_eq!((table.len(), table.get(id(1), start).as_deref()), (1, Some(&2)));
        table.sweep(start + SESSION_IDLE);
        assert_eq!(table.len(), 0);
        table.add(id(3), Arc::new(4), start, |_| true);
        table.clear();
        assert_eq!((table.len(), table.get(id(3), start)), (0, None));
    }

    #[test]
    fn many_at_once_never_take_more_places_than_there_are() {
        let (table, start) = (Table::new(64), Instant::now());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for number in 0..500 {
                        table.add(id(thread * 1000 + number), Arc::new(number), start, |_| true);
                        assert!(table.len() <= 64 + 4);
                    }
                });
            }
        });
        let held: usize = table.shards.iter().map(|shard| lock(shard).len()).sum();
        assert_eq!((held, table.len()), (64, 64));
    }
}
