//! Requests that were served already in this boot, so that a retry is answered and not served again.
//!
//! A client repeats a request under its old id when the answer got lost, in the same session or in a
//! new one. What is remembered is the outcome, by caller, request id and content, until another release is served: a request
//! is never the same under two.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_attestation::release::ReleasedModel;
use strongroom_seal::digest::{ReleaseDigest, RequestDigest};
use strongroom_seal::message::RequestId;
use strongroom_seal::secret::ApiKeyDigest;
use zeroize::Zeroizing;

use crate::answer::Treated;
use crate::limits::{MAX_REMEMBERED, MAX_REMEMBERED_BYTES, MAX_REMEMBERED_OUTCOME_BYTES};

/// What makes two requests the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) caller: ApiKeyDigest,
    pub(crate) id: RequestId,
    pub(crate) content: RequestDigest,
    pub(crate) release: ReleaseDigest,
}

/// An encoded outcome, the model it came from and how it was treated.
#[derive(Clone)]
pub(crate) struct Remembered {
    pub(crate) outcome: Arc<Zeroizing<Vec<u8>>>,
    pub(crate) model: Option<ReleasedModel>,
    pub(crate) treated: Treated,
}

/// Whether a request is to be served.
pub(crate) enum Claim<'a> {
    /// Nobody serves it yet: whoever holds this does.
    Mine(Claimed<'a>),
    /// It is being served at this moment.
    InFlight,
    /// It was served.
    Served(Remembered),
}

/// How often everything was forgotten.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Era(u64);

/// The right to serve one request. Dropped without an outcome, it lets the next one try.
pub(crate) struct Claimed<'a> {
    dedup: &'a Dedup,
    identity: Identity,
    era: Era,
}

#[derive(Default)]
pub(crate) struct Dedup(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// `None` while the request is being served.
    known: HashMap<Identity, Option<Remembered>>,
    order: VecDeque<Identity>,
    bytes: usize,
    era: Era,
}

impl Dedup {
    /// What to claim requests in whose release is found to be served after this.
    pub(crate) fn era(&self) -> Era {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).era
    }

    /// Claims a request. In an era that is over nothing is remembered: its release may not be served any more.
    pub(crate) fn claim(&self, identity: Identity, era: Era) -> Claim<'_> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match table.known.get(&identity) {
            Some(Some(remembered)) => Claim::Served(remembered.clone()),
            Some(None) => Claim::InFlight,
            None => {
                if table.era == era {
                    table.known.insert(identity, None);
                }
                Claim::Mine(Claimed { dedup: self, identity, era })
            }
        }
    }

    /// Forgets every outcome, and those of requests that are being served at this moment.
    pub(crate) fn forget(&self) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let era = Era(table.era.0 + 1);
        *table = Table { era, ..Table::default() };
    }
}

impl Claimed<'_> {
    /// Remembers the outcome if it is not too large; the oldest ones make room.
    pub(crate) fn finish(self, remembered: Remembered) {
        if remembered.outcome.len() > MAX_REMEMBERED_OUTCOME_BYTES {
            return;
        }
        let mut table = self.dedup.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.era != self.era {
            return;
        }
        table.bytes += remembered.outcome.len();
        table.known.insert(self.identity, Some(remembered));
        table.order.push_back(self.identity);
        while table.order.len() > MAX_REMEMBERED || table.bytes > MAX_REMEMBERED_BYTES {
            let Some(oldest) = table.order.pop_front() else { return };
            if let Some(Some(gone)) = table.known.remove(&oldest) {
                table.bytes -= gone.outcome.len();
            }
        }
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        let mut table = self.dedup.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.era == self.era && matches!(table.known.get(&self.identity), Some(None)) {
            table.known.remove(&self.identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(id: u8) -> Identity {
        Identity {
            caller: ApiKeyDigest::new([1; 32]),
            id: RequestId::new([id; 16]),
            content: RequestDigest::of(b"content"),
            release: ReleaseDigest::of(b"release"),
        }
    }

    fn outcome(bytes: usize) -> Remembered {
        Remembered {
            outcome: Arc::new(Zeroizing::new(vec![0; bytes])),
            model: None,
            treated: Treated::default(),
        }
    }

    impl Dedup {
        fn claim_now(&self, identity: Identity) -> Claim<'_> {
            self.claim(identity, self.era())
        }
    }

    #[test]
    fn what_was_let_in_before_everything_was_forgotten_is_not_remembered_afterwards() {
        let dedup = Dedup::default();
        let era = dedup.era();
        dedup.forget();
        let Claim::Mine(claimed) = dedup.claim(identity(1), era) else { panic!("not mine") };
        claimed.finish(outcome(3));
        assert!(matches!(dedup.claim_now(identity(1)), Claim::Mine(_)));
        assert_eq!(dedup.0.lock().unwrap().bytes, 0);
    }

    #[test]
    fn a_request_is_served_once() {
        let dedup = Dedup::default();
        let Claim::Mine(claimed) = dedup.claim_now(identity(1)) else { panic!("not mine") };
        assert!(matches!(dedup.claim_now(identity(1)), Claim::InFlight));
        assert!(matches!(dedup.claim_now(identity(2)), Claim::Mine(_)));
        claimed.finish(outcome(3));
        let Claim::Served(remembered) = dedup.claim_now(identity(1)) else { panic!("not served") };
        assert_eq!(remembered.outcome.len(), 3);
    }

    #[test]
    fn a_failed_request_may_be_tried_again() {
        let dedup = Dedup::default();
        drop(dedup.claim_now(identity(1)));
        assert!(matches!(dedup.claim_now(identity(1)), Claim::Mine(_)));
    }

    #[test]
    fn a_new_release_makes_forget_what_was_and_what_is_being_served() {
        let dedup = Dedup::default();
        let claimed = |id| match dedup.claim_now(identity(id)) {
            Claim::Mine(claimed) => claimed,
            _ => panic!("not mine"),
        };
        claimed(1).finish(outcome(3));
        let slow = claimed(2);
        dedup.forget();
        slow.finish(outcome(3));
        drop((claimed(1), claimed(2)));
        assert_eq!(dedup.0.lock().unwrap().bytes, 0);
    }

    #[test]
    fn memory_is_bounded() {
        let dedup = Dedup::default();
        for id in 0..20 {
            let Claim::Mine(claimed) = dedup.claim_now(identity(id)) else { panic!("not mine") };
            claimed.finish(outcome(MAX_REMEMBERED_OUTCOME_BYTES));
        }
        assert!(matches!(dedup.claim_now(identity(0)), Claim::Mine(_)), "forgotten");
        assert!(matches!(dedup.claim_now(identity(19)), Claim::Served(_)), "remembered");
        let Claim::Mine(large) = dedup.claim_now(identity(99)) else { panic!("not mine") };
        large.finish(outcome(MAX_REMEMBERED_OUTCOME_BYTES + 1));
        assert!(matches!(dedup.claim_now(identity(19)), Claim::Served(_)), "a large one displaces nobody");
        assert!(matches!(dedup.claim_now(identity(99)), Claim::Mine(_)), "and is not remembered");
        assert!(dedup.0.lock().unwrap().bytes <= MAX_REMEMBERED_BYTES);
    }
}
