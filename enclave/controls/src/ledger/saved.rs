//! Counters as one boot leaves them to the next. Nothing in it is derived from an input.

use serde::{Deserialize, Serialize};
use strongroom_proto::name::Name;
use strongroom_seal::secret::ApiKeyDigest;

use super::{KeyAccount, Ledger};
use crate::counter::Counter;
use crate::gcra::Arrival;

/// The counters of a ledger, to be sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    keys: Vec<(ApiKeyDigest, Numbers)>,
    organisations: Vec<(Name, Numbers)>,
    models: Vec<(Name, u64)>,
    enclave: u64,
}

/// Arrival, day, rows of the day, rows, bits of the day, bits.
type Numbers = (u64, u64, u64, u64, u64, u64);

impl Ledger {
    /// What the next boot needs to go on counting.
    #[must_use]
    pub fn save(&self) -> Saved {
        let accounts = self.lock();
        let counted = accounts.keys.iter().filter(|(_, account)| account.counter != Counter::default());
        Saved {
            keys: counted.map(|(key, account)| (*key, numbers(&account.counter))).collect(),
            organisations: accounts
                .organisations
                .iter()
                .map(|(name, c)| (name.clone(), numbers(c)))
                .collect(),
            models: accounts.models.iter().map(|(name, arrival)| (name.clone(), arrival.0)).collect(),
            enclave: accounts.enclave.0,
        }
    }

    /// Goes on where an earlier boot left off. Whatever was counted since this boot began is added on top.
    pub fn restore(&self, saved: Saved) {
        let mut accounts = self.lock();
        for (key, numbers) in saved.keys {
            let held = accounts.keys.entry(key).or_default();
            *held = KeyAccount { counter: joined(held.counter, counter(numbers)), ..*held };
        }
        for (name, numbers) in saved.organisations {
            let held = accounts.organisations.entry(name).or_default();
            *held = joined(*held, counter(numbers));
        }
        for (name, arrival) in saved.models {
            let held = accounts.models.entry(name).or_default();
            *held = (*held).max(Arrival(arrival));
        }
        accounts.enclave = accounts.enclave.max(Arrival(saved.enclave));
    }
}

fn numbers(counter: &Counter) -> Numbers {
    let Counter { arrival, day, rows_today, rows, bits_today, bits } = *counter;
    (arrival.0, day, rows_today, rows, bits_today, bits)
}

fn counter((arrival, day, rows_today, rows, bits_today, bits): Numbers) -> Counter {
    Counter { arrival: Arrival(arrival), day, rows_today, rows, bits_today, bits }
}

fn joined(held: Counter, saved: Counter) -> Counter {
    let day = held.day.max(saved.day);
    let of_day = |counter: &Counter, count: u64| if counter.day == day { count } else { 0 };
    Counter {
        arrival: held.arrival.max(saved.arrival),
        day,
        rows_today: of_day(&held, held.rows_today).saturating_add(of_day(&saved, saved.rows_today)),
        rows: held.rows.saturating_add(saved.rows),
        bits_today: of_day(&held, held.bits_today).saturating_add(of_day(&saved, saved.bits_today)),
        bits: held.bits.saturating_add(saved.bits),
    }
}
