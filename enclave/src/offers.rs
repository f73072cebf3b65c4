//! Offers: keys that clients may open a session with, each once and for a minute.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use strongroom_attestation::channel::{Handshake, OfferKey};
use strongroom_proto::hello::{ClientNonce, OfferId};

use crate::limits::{MAX_OFFERS, OFFER_LIFE};
use crate::serving::Serving;

/// What the offers of one document share. Dropping the last reference zeroes the private key.
pub(crate) struct Batch {
    pub(crate) key: OfferKey,
    pub(crate) serving: Arc<Serving>,
}

/// One offer, taken out of the table.
pub(crate) struct Offer {
    pub(crate) batch: Arc<Batch>,
    pub(crate) handshake: Handshake,
}

#[derive(Default)]
pub(crate) struct Offers(Mutex<Table>);

#[derive(Default)]
struct Table {
    offers: HashMap<OfferId, Offer>,
    /// In the order in which they were made.
    order: VecDeque<(Instant, OfferId)>,
}

impl Offers {
    /// Adds the offers of a batch, if their release is served still; the oldest make room.
    pub(crate) fn add(&self, offers: Vec<Offer>, now: Instant, is_current: impl Fn(&Arc<Serving>) -> bool) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock: whoever replaces the release clears the table afterwards.
        for offer in offers.into_iter().filter(|offer| is_current(&offer.batch.serving)) {
            let id = offer.handshake.offer;
            table.order.push_back((now, id));
            table.offers.insert(id, offer);
        }
        table.expire(now);
    }

    /// Takes an offer out, for whoever knows the nonce it answers: the other clients of its batch do not.
    /// Whoever asks second finds nothing, so a replayed opening opens nothing.
    pub(crate) fn take(&self, id: OfferId, nonce: ClientNonce, now: Instant) -> Option<Offer> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.expire(now);
        table.offers.get(&id).filter(|offer| offer.handshake.nonce == nonce)?;
        table.offers.remove(&id)
    }

    /// Drops what is too old, so that its keys are zeroed even when nobody asks.
    pub(crate) fn sweep(&self, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).expire(now);
    }

    /// Drops everything: the release that was offered is gone.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Table::default();
    }
}

impl Table {
    fn expire(&mut self, now: Instant) {
        let too_old = |made: Instant| now.saturating_duration_since(made) >= OFFER_LIFE;
        while let Some((made, id)) = self.order.front().copied() {
            if !too_old(made) && self.order.len() <= MAX_OFFERS {
                return;
            }
            self.order.pop_front();
            self.offers.remove(&id);
        }
    }
}
