//! A bounded table of clients.

use governor::nanos::Nanos;
use governor::state::keyed::{HashMapStateStore, ShrinkableKeyedStateStore};
use governor::state::{InMemoryState, NotKeyed, StateStore};

use super::Client;

/// At most so many clients have a place of their own. Whoever finds none shares one with all others who
/// find none, so that a flood from many networks costs newcomers and not those who are there.
pub(crate) struct Table {
    places: HashMapStateStore<Client>,
    max: usize,
    others: InMemoryState,
}

impl Table {
    pub(crate) fn new(max: usize) -> Self {
        Self { places: HashMapStateStore::default(), max, others: InMemoryState::default() }
    }
}

impl StateStore for Table {
    type Key = Client;

    fn measure_and_replace<T, F, E>(&self, client: &Client, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut places = self.places.lock();
        if places.len() >= self.max && !places.contains_key(client) {
            return self.others.measure_and_replace(&NotKeyed::NonKey, measure);
        }
        places.entry(*client).or_default().measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

impl ShrinkableKeyedStateStore<Client> for Table {
    fn retain_recent(&self, drop_below: Nanos) {
        self.places.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
