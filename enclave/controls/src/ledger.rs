//! Who has used up how much: all counters of one boot behind one lock.
//!
//! A charge is taken from key, organisation, models and enclave together or from none of them. Counters are
//! firm for the boot. An honest host hands the next boot what this one left; a dishonest one hands over an
//! older copy or none, and then allowances begin where that copy stands: in total at most allowance × boots
//! × replicas are let out.

mod saved;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_attestation::UnixMillis;
use strongroom_attestation::receipt::Budget;
use strongroom_attestation::release::{Limits, Rate};
use strongroom_proto::name::Name;
use strongroom_seal::message::{Limited, Refusal};
use strongroom_seal::secret::ApiKeyDigest;

use crate::counter::{Charge, Counter, Exceeded, Which, after_rate};
use crate::gcra::Arrival;
use crate::limits::MAX_COUNTERS;

pub use saved::Saved;

/// Every counter of a boot.
#[derive(Default)]
pub struct Ledger(Mutex<Accounts>);

#[derive(Default)]
struct Accounts {
    keys: HashMap<ApiKeyDigest, KeyAccount>,
    organisations: HashMap<Name, Counter>,
    models: HashMap<Name, Arrival>,
    enclave: Arrival,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct KeyAccount {
    counter: Counter,
    /// Receipts of this boot.
    receipts: u64,
}

/// From whom a charge is taken, and what each is allowed.
pub struct Holders<'a> {
    /// The API key.
    pub key: (&'a ApiKeyDigest, &'a Limits),
    /// Its organisation.
    pub organisation: Option<(&'a Name, &'a Limits)>,
    /// The models that run.
    pub models: Vec<(&'a Name, Option<&'a Rate>)>,
    /// The whole enclave.
    pub enclave: Option<&'a Rate>,
}

impl Ledger {
    /// Takes a charge from every holder, or from none.
    ///
    /// # Errors
    /// The refusal that the client gets: what is used up, and when to try again.
    pub fn charge(&self, holders: &Holders<'_>, charge: Charge, now: UnixMillis) -> Result<(), Refusal> {
        let mut accounts = self.lock();
        let (key, limits) = holders.key;
        let counter = accounts.keys.get(key).map(|account| account.counter).unwrap_or_default();
        let counter = counter.after(charge, limits, now).map_err(of_key)?;
        let organisation = match holders.organisation {
            None => None,
            Some((name, limits)) => {
                let used = accounts.organisations.get(name).copied().unwrap_or_default();
                Some((name, used.after(charge, limits, now).map_err(of_organisation)?))
            }
        };
        let mut arrivals = Vec::with_capacity(holders.models.len());
        for (name, rate) in holders.models.iter().filter(|(_, rate)| rate.is_some()) {
            let used = accounts.models.get(*name).copied().unwrap_or_default();
            arrivals.push((*name, after_rate(used, charge.rows, *rate, now).map_err(of_service)?));
        }
        let enclave = after_rate(accounts.enclave, charge.rows, holders.enclave, now).map_err(of_service)?;
        // Everybody agreed.
        accounts.keys.entry(*key).or_default().counter = counter;
        if let Some((name, counter)) = organisation {
            put(&mut accounts.organisations, name, counter);
        }
        for (name, arrival) in arrivals {
            put(&mut accounts.models, name, arrival);
        }
        accounts.enclave = enclave;
        Ok(())
    }

    /// The number of a key's next receipt, from 1.
    pub fn next_receipt(&self, key: &ApiKeyDigest) -> u64 {
        let mut accounts = self.lock();
        let account = accounts.keys.entry(*key).or_default();
        account.receipts += 1;
        account.receipts
    }

    /// What is left of a key's own allowances.
    #[must_use]
    pub fn left(&self, key: &ApiKeyDigest, limits: &Limits, now: UnixMillis) -> Budget {
        let counter = self.lock().keys.get(key).map(|account| account.counter).unwrap_or_default();
        counter.left(limits, now)
    }

    /// Drops counters of keys that no longer exist, once there are more than are held.
    pub fn prune(&self, is_known: impl Fn(&ApiKeyDigest) -> bool) {
        let mut accounts = self.lock();
        if accounts.keys.len() > MAX_COUNTERS {
            accounts.keys.retain(|key, _| is_known(key));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Inserts without a copy of a name that is there already.
fn put<T>(table: &mut HashMap<Name, T>, name: &Name, value: T) {
    match table.get_mut(name) {
        Some(held) => *held = value,
        None => drop(table.insert(name.clone(), value)),
    }
}

fn of_key(exceeded: Exceeded) -> Refusal {
    refusal(exceeded, Limited::KeyRate)
}

fn of_organisation(exceeded: Exceeded) -> Refusal {
    refusal(shared(exceeded), Limited::OrganisationRate)
}

fn of_service(exceeded: Exceeded) -> Refusal {
    refusal(shared(exceeded), Limited::ServiceRate)
}

/// What others use shows in whole seconds alone.
fn shared(exceeded: Exceeded) -> Exceeded {
    let retry_after_ms = exceeded.retry_after_ms.map(|ms| ms.div_ceil(1000) * 1000);
    Exceeded { retry_after_ms, ..exceeded }
}

fn refusal(exceeded: Exceeded, rate: Limited) -> Refusal {
    let what = match exceeded.which {
        Which::Burst => Limited::Burst,
        Which::Rate => rate,
        Which::DailyRows => Limited::DailyRows,
        Which::Rows => Limited::Rows,
        Which::DailyBits => Limited::DailyBits,
        Which::Bits => Limited::Bits,
    };
    Refusal::Limit { what, retry_after_ms: exceeded.retry_after_ms }
}
