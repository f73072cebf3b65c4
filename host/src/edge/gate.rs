//! How many requests are worked on and how many bytes of them and their answers are held.

mod places;

use std::net::IpAddr;
use std::sync::Arc;

use strongroom_proto::frame::Kind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::addresses::Client;
use crate::limits::{MAX_HELLOS, RESERVED_MEMORY, SMALL_BYTES};
pub(crate) use places::Place;
use places::Places;

/// Bytes for which one permit stands.
const PERMIT_BYTES: usize = 1024;

/// Places for hellos and messages, and memory. Nobody queues here: who does not fit is told so.
pub(crate) struct Gate {
    hellos: Arc<Places>,
    messages: Arc<Places>,
    memory: Arc<Semaphore>,
    /// Permits that what is large leaves to what is small.
    left: usize,
}

/// A share of the memory; given back when dropped.
pub(crate) struct Share {
    memory: Arc<Semaphore>,
    left: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(crate) fn new(max_messages: usize, max_buffered_bytes: usize) -> Self {
        let permits = max_buffered_bytes / PERMIT_BYTES;
        Self {
            hellos: Places::new(MAX_HELLOS),
            messages: Places::new(max_messages),
            memory: Arc::new(Semaphore::new(permits)),
            left: permits / RESERVED_MEMORY,
        }
    }

    /// A place for a request of this kind from this address, if one is free for it.
    pub(crate) fn enter(&self, kind: Kind, from: IpAddr) -> Option<Place> {
        let places = if kind == Kind::Hello { &self.hellos } else { &self.messages };
        places.take(Client::of(from), Instant::now())
    }

    /// An empty share.
    pub(crate) fn share(&self) -> Share {
        Share { memory: Arc::clone(&self.memory), left: self.left, held: None }
    }
}

impl Share {
    /// Grows the share to `bytes`, if as much is free; one of more than [`SMALL_BYTES`] leaves some to the others.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(PERMIT_BYTES).saturating_sub(held);
        if bytes > SMALL_BYTES && self.memory.available_permits() < missing.saturating_add(self.left) {
            return false;
        }
        let Ok(missing) = u32::try_from(missing) else { return false };
        let Ok(more) = Arc::clone(&self.memory).try_acquire_many_owned(missing) else { return false };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn places_and_memory_are_given_back() {
        let gate = Gate::new(1, 4 * PERMIT_BYTES);
        let from = Ipv4Addr::LOCALHOST.into();
        let place = gate.enter(Kind::Message, from).unwrap();
        assert!(gate.enter(Kind::Message, from).is_none());
        assert!(gate.enter(Kind::Hello, from).is_some(), "hellos have places of their own");
        drop(place);
        assert!(gate.enter(Kind::Message, from).is_some());

        let (mut one, mut two) = (gate.share(), gate.share());
        assert!(one.grow_to(1) && one.grow_to(3 * PERMIT_BYTES));
        assert!(two.grow_to(PERMIT_BYTES));
        assert!(!two.grow_to(PERMIT_BYTES + 1));
        drop(one);
        assert!(two.grow_to(4 * PERMIT_BYTES));
    }

    #[test]
    fn what_is_large_leaves_memory_to_what_is_small() {
        let gate = Gate::new(1, 16 * SMALL_BYTES);
        let mut large: Vec<_> = (0..6).map(|_| gate.share()).collect();
        assert!(large.iter_mut().all(|share| share.grow_to(2 * SMALL_BYTES)));
        let mut more = gate.share();
        assert!(more.grow_to(SMALL_BYTES), "what is left is for such as this");
        assert!(!more.grow_to(SMALL_BYTES + 1), "it is for no more than that");
        let mut small: Vec<_> = (0..3).map(|_| gate.share()).collect();
        assert!(small.iter_mut().all(|share| share.grow_to(SMALL_BYTES)));
        assert!(!gate.share().grow_to(1), "all is taken");
        drop((large.pop(), small));
        assert!(more.grow_to(2 * SMALL_BYTES));
    }
}
