//! Places to be worked on in, shared between addresses.
//!
//! The enclave is fair between API keys. This host knows none; what it can do is to keep one address, whatever it sends, from
//! taking all places, so that what others send reaches the enclave.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::super::addresses::Client;
use crate::limits::{MAX_ADDRESSES, RESERVED_SHARE, WANTED_TIME};

/// So many places. Whoever has less than its part of them finds one as long as any is free; whoever has more leaves some
/// to the others, as soon as there are others.
pub(super) struct Places {
    most: usize,
    /// Clients that are remembered one by one.
    most_clients: usize,
    state: Mutex<State>,
}

struct State {
    clients: HashMap<Client, Wants>,
    taken: usize,
    swept: Instant,
}

/// What one client has and wants.
struct Wants {
    held: usize,
    /// Until then it counts as one of those who want places, whether it has one or not.
    until: Instant,
}

/// One place, given back when dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    client: Client,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Self::among(MAX_ADDRESSES, most)
    }

    fn among(most_clients: usize, most: usize) -> Arc<Self> {
        let state = State { clients: HashMap::new(), taken: 0, swept: Instant::now() };
        Arc::new(Self { most, most_clients, state: Mutex::new(state) })
    }

    /// A place for a client, if one is free for it. If none is, the client is remembered as one of those who want some. Those
    /// of whom none can be remembered any more count as one client.
    pub(super) fn take(self: &Arc<Self>, client: Client, now: Instant) -> Option<Place> {
        let mut state = self.state();
        state.sweep(now);
        let full = state.clients.len() >= self.most_clients && !state.clients.contains_key(&client);
        let client = if full { Client::of(Ipv6Addr::UNSPECIFIED.into()) } else { client };
        let wants = state.clients.entry(client).or_insert(Wants { held: 0, until: now });
        wants.until = now + WANTED_TIME;
        let held = wants.held;
        let part = (self.most / state.clients.len().max(1)).max(1);
        let reserved = if held < part { 0 } else { self.most.div_ceil(RESERVED_SHARE) };
        if state.taken + reserved >= self.most {
            return None;
        }
        state.taken += 1;
        if let Some(wants) = state.clients.get_mut(&client) {
            wants.held += 1;
        }
        Some(Place { places: Arc::clone(self), client })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets who has no place and has not asked for one lately.
    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) >= WANTED_TIME {
            self.swept = now;
            self.clients.retain(|_, wants| wants.held > 0 || wants.until > now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.places.state();
        state.taken -= 1;
        if let Some(wants) = state.clients.get_mut(&self.client) {
            wants.held -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::of([10, 0, 0, last].into())
    }

    #[test]
    fn who_is_alone_has_all_places_and_leaves_some_as_soon_as_somebody_else_asks() {
        let (places, now) = (Places::new(16), Instant::now());
        let mut greedy: Vec<_> = (0..16).map(|_| places.take(client(1), now).unwrap()).collect();
        assert!(places.take(client(1), now).is_none());
        assert!(places.take(client(2), now).is_none(), "all are taken");
        greedy.truncate(14);
        assert!(places.take(client(1), now).is_none(), "two are left to the other");
        let others = [places.take(client(2), now).unwrap(), places.take(client(2), now).unwrap()];
        assert!(places.take(client(2), now).is_none());
        greedy.truncate(13);
        assert!(places.take(client(3), now).is_some(), "a third finds one");
        drop(others);
        assert!(places.take(client(1), now).is_some(), "what nobody else uses, it may have");
        let later = now + WANTED_TIME;
        drop(greedy);
        let alone: Vec<_> = (0..16).map(|_| places.take(client(1), later).unwrap()).collect();
        assert_eq!((alone.len(), places.state().clients.len()), (16, 1), "the others are forgotten");
    }

    #[test]
    fn of_few_places_one_is_left_to_others_too() {
        for most in 1..8 {
            let (places, now) = (Places::new(most), Instant::now());
            let mut greedy: Vec<_> = (0..most).map(|_| places.take(client(1), now).unwrap()).collect();
            assert!(places.take(client(2), now).is_none(), "all {most} are taken");
            drop(greedy.pop());
            if most > 1 {
                assert!(places.take(client(1), now).is_none(), "one of {most} is left");
            }
            assert!(places.take(client(2), now).is_some());
        }
    }

    #[test]
    fn clients_of_whom_none_can_be_remembered_count_as_one() {
        let (places, now) = (Places::among(2, 16), Instant::now());
        let known = [places.take(client(1), now).unwrap(), places.take(client(2), now).unwrap()];
        let others: Vec<_> = (3..17).filter_map(|last| places.take(client(last), now)).collect();
        assert_eq!(others.len(), 12, "as one client, which leaves an eighth");
        assert_eq!(places.state().clients.len(), 3);
        assert!(places.take(client(2), now).is_some(), "who is known finds one");
        drop((known, others));
        assert_eq!(places.state().taken, 0);
    }

    #[test]
    fn every_place_is_given_back() {
        let (places, now) = (Places::new(4), Instant::now());
        for round in 0..3 {
            let held: Vec<_> = (0..4).map(|last| places.take(client(last), now).unwrap()).collect();
            assert!(places.take(client(9), now).is_none(), "{round}");
            drop(held);
        }
        assert_eq!(places.state().taken, 0);
    }
}
