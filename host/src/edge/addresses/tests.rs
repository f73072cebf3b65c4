use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;

use super::*;

fn limited(rate: u32, burst: u32, max_clients: usize) -> (Addresses<FakeRelativeClock>, FakeRelativeClock) {
    let number = |number| NonZeroU32::new(number).unwrap();
    let clock = FakeRelativeClock::default();
    let limit = AddressLimit { rate: number(rate), burst: number(burst) };
    (Addresses::with(limit, max_clients, clock.clone()), clock)
}

/// How many of so many requests at once are within the limit.
fn admitted(addresses: &Addresses<FakeRelativeClock>, from: &str, requests: usize) -> usize {
    let from = from.parse().unwrap();
    (0..requests).filter(|_| addresses.admit(from)).count()
}

#[test]
fn a_burst_is_let_in_and_then_the_rate() {
    let (addresses, clock) = limited(5, 8, 10);
    assert_eq!(admitted(&addresses, "192.0.2.1", 20), 8);
    assert_eq!(admitted(&addresses, "192.0.2.2", 20), 8, "another address has a burst of its own");
    clock.advance(Duration::from_millis(200));
    assert_eq!(admitted(&addresses, "192.0.2.1", 20), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(admitted(&addresses, "192.0.2.1", 20), 5);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(admitted(&addresses, "192.0.2.1", 20), 8, "what was not used is not saved beyond the burst");
}

#[test]
fn the_largest_numbers_that_can_be_set_are_no_trouble() {
    for (rate, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (u32::MAX, 1)] {
        let (addresses, clock) = limited(rate, burst, 10);
        assert!(admitted(&addresses, "192.0.2.1", 20) >= 1, "{rate} {burst}");
        clock.advance(Duration::from_secs(100 * 365 * 24 * 3600));
        addresses.sweep();
        assert!(admitted(&addresses, "192.0.2.1", 20) >= 1, "{rate} {burst}");
    }
}

#[test]
fn a_network_of_ipv6_is_one_client_and_so_is_ipv4_however_it_is_written() {
    let client = |text: &str| Client::of(text.parse().unwrap());
    assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
    assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
    assert_ne!(client("::ffff:192.0.2.1"), client("::ffff:192.0.2.2"));
}

#[test]
fn the_table_is_bounded_and_whoever_finds_no_place_shares_one() {
    let (addresses, clock) = limited(1, 3, 2);
    assert_eq!(admitted(&addresses, "192.0.2.1", 1), 1);
    assert_eq!(admitted(&addresses, "192.0.2.2", 1), 1);
    let newcomers = ["192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"];
    assert_eq!(newcomers.map(|newcomer| admitted(&addresses, newcomer, 1)), [1, 1, 1, 0]);
    assert_eq!(admitted(&addresses, "192.0.2.1", 5), 2, "who was there keeps its own");
    assert_eq!(addresses.limiter.len(), 2);

    // 192.0.2.2 has its burst again and gives way; 192.0.2.1 has not.
    clock.advance(Duration::from_secs(2));
    addresses.sweep();
    assert_eq!(addresses.limiter.len(), 1);
    assert_eq!(admitted(&addresses, "192.0.2.6", 5), 3, "there is a place again");
    assert_eq!(admitted(&addresses, "192.0.2.1", 5), 2);
}

#[test]
fn a_sweep_gives_nobody_more() {
    let (addresses, clock) = limited(2, 4, 10);
    let mut within = 0;
    for _ in 0..100 {
        within += admitted(&addresses, "192.0.2.1", 10);
        addresses.sweep();
        clock.advance(Duration::from_millis(100));
    }
    assert_eq!(within, 4 + 2 * 10 - 1, "a burst and the rate over 9.9 s");
}
