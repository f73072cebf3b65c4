//! The generic cell rate algorithm (ITU-T I.371, Annex A), in rows and nanoseconds.
//!
//! All it keeps is the theoretical arrival time: when everything admitted so far has been paid for at the
//! stated rate. Rounding is always to the slower side, so that no rate is ever exceeded.

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::Rate;

/// Nanoseconds since the Unix epoch; enough until the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival(pub(crate) u64);

/// Why rows do not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Not for so many milliseconds.
    For(u64),
    /// Never: more rows than pass at once.
    Burst,
}

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Arrival {
    /// The arrival after `rows` more pass at `now`.
    pub(crate) fn after(self, rows: u64, rate: &Rate, now: UnixMillis) -> Result<Self, Denied> {
        if rows > rate.burst {
            return Err(Denied::Burst);
        }
        let now = now.as_millis().saturating_mul(NANOS_PER_MILLI);
        let next = self.0.max(now).saturating_add(cost(rows, rate));
        let horizon = now.saturating_add(cost(rate.burst, rate));
        if next <= horizon {
            Ok(Self(next))
        } else {
            Err(Denied::For((next - horizon).div_ceil(NANOS_PER_MILLI)))
        }
    }
}

/// Nanoseconds that rows take at a rate. Its bounds rule an overflow out.
fn cost(rows: u64, rate: &Rate) -> u64 {
    let nanos = u128::from(rows) * u128::from(rate.per_ms) * u128::from(NANOS_PER_MILLI);
    u64::try_from(nanos.div_ceil(u128::from(rate.rows.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { rows: 10, per_ms: 1000, burst: 20 };

    fn at(ms: u64) -> UnixMillis {
        UnixMillis::new(1_800_000_000_000 + ms)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let full = Arrival::default().after(20, &RATE, at(0)).unwrap();
        assert_eq!(full.after(1, &RATE, at(0)), Err(Denied::For(100)));
        assert_eq!(full.after(1, &RATE, at(99)), Err(Denied::For(1)));
        let next = full.after(1, &RATE, at(100)).unwrap();
        assert_eq!(next.after(5, &RATE, at(100)), Err(Denied::For(500)));
        assert!(next.after(20, &RATE, at(2100)).is_ok(), "after a pause the whole burst passes again");
        assert_eq!(Arrival::default().after(21, &RATE, at(0)), Err(Denied::Burst));
    }

    proptest! {
        /// In no span of time do more rows pass than the burst and what the rate yields in it.
        #[test]
        fn no_span_lets_more_through(
            rows in 1_u64..1000, per_ms in 1_u64..100_000, burst in 1_u64..500,
            asks in proptest::collection::vec((0_u64..5000, 1_u64..60), 1..200),
        ) {
            let rate = Rate { rows, per_ms, burst };
            let (mut arrival, mut now) = (Arrival::default(), 0);
            let mut passed: Vec<(u64, u64)> = Vec::new();
            for (pause, count) in asks {
                now += pause;
                if let Ok(next) = arrival.after(count, &rate, at(now)) {
                    arrival = next;
                    passed.push((now, count));
                }
            }
            for (from, (start, _)) in passed.iter().enumerate() {
                let mut total = 0;
                for (end, count) in &passed[from..] {
                    total += count;
                    let allowed = u128::from(burst) + u128::from(end - start) * u128::from(rows) / u128::from(per_ms);
                    prop_assert!(u128::from(total) <= allowed, "{total} rows in {} ms", end - start);
                }
            }
        }

        #[test]
        fn what_is_denied_passes_when_it_says(rows in 1_u64..1000, per_ms in 1_u64..100_000, burst in 1_u64..50, ask in 1_u64..50) {
            let rate = Rate { rows, per_ms, burst };
            let full = Arrival::default().after(burst, &rate, at(0)).unwrap();
            match full.after(ask, &rate, at(0)) {
                Err(Denied::For(ms)) => prop_assert!(full.after(ask, &rate, at(ms)).is_ok()),
                Err(Denied::Burst) => prop_assert!(ask > burst),
                Ok(_) => prop_assert!(false, "the burst was used up"),
            }
        }
    }
}
