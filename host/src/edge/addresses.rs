//! How often one address may ask.
//!
//! Each sealed answer becomes a record of the audit log that this host keeps, and the enclave must not let the host
//! tell accepted callers from refused ones. What is left to hold a stranger by is the address that its connection
//! comes from: nothing that a request says of itself is believed.

mod table;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};

use crate::config::AddressLimit;
use crate::limits::{ADDRESS_SWEEP_PERIOD, MAX_ADDRESSES};
use table::Table;

/// Bits of an IPv6 address that name a network. The rest is its owner's to choose.
const NETWORK_BITS: u32 = 64;

/// Who counts as one: an IPv4 address or an IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl Client {
    pub(super) fn of(address: IpAddr) -> Self {
        // A socket that takes both families shows IPv4 as `::ffff:a.b.c.d`, all of it in one /64.
        match address.to_canonical() {
            IpAddr::V6(address) => Self(network(address).into()),
            address => Self(address),
        }
    }
}

fn network(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (u128::BITS - NETWORK_BITS)))
}

/// What each client has used lately.
pub(crate) struct Addresses<C: Clock = MonotonicClock> {
    limiter: RateLimiter<Client, Table, C, NoOpMiddleware<C::Instant>>,
}

impl Addresses {
    /// Nobody has used anything yet.
    pub(crate) fn new(limit: AddressLimit) -> Self {
        Self::with(limit, MAX_ADDRESSES, MonotonicClock)
    }
}

impl<C: Clock> Addresses<C> {
    fn with(limit: AddressLimit, max_clients: usize, clock: C) -> Self {
        let quota = Quota::per_second(limit.rate).allow_burst(limit.burst);
        Self { limiter: RateLimiter::new(quota, Table::new(max_clients), clock) }
    }

    /// Whether one more request from this address is within its limit. If it is, it has been counted.
    #[must_use]
    pub(crate) fn admit(&self, address: IpAddr) -> bool {
        self.limiter.check_key(&Client::of(address)).is_ok()
    }

    /// Forgets whoever has its whole burst again.
    fn sweep(&self) {
        self.limiter.retain_recent();
    }
}

/// Sweeps for ever.
pub(crate) async fn keep_swept(addresses: Arc<Addresses>) {
    loop {
        tokio::time::sleep(ADDRESS_SWEEP_PERIOD).await;
        addresses.sweep();
    }
}

#[cfg(test)]
mod tests;
