//! What one holder has used up: of a rate, of quotas of rows, of budgets of released information.

use strongroom_attestation::UnixMillis;
use strongroom_attestation::receipt::Budget;
use strongroom_attestation::release::{Limits, Rate};

use crate::gcra::{Arrival, Denied};

/// What a request uses up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Rows; at least 1.
    pub rows: u64,
    /// Bits of information that its answer can hold.
    pub bits: u64,
}

/// An allowance that a request would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub which: Which,
    /// Milliseconds until it may pass; `None` where waiting does not help.
    pub retry_after_ms: Option<u64>,
}

/// The allowances of one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Limits, which are documented there")]
pub enum Which {
    Burst,
    Rate,
    DailyRows,
    Rows,
    DailyBits,
    Bits,
}

/// The counters of one holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) arrival: Arrival,
    /// Days since the Unix epoch for which the daily counts are.
    pub(crate) day: u64,
    pub(crate) rows_today: u64,
    pub(crate) rows: u64,
    pub(crate) bits_today: u64,
    pub(crate) bits: u64,
}

/// Milliseconds of a day (UTC has no leap seconds in Unix time).
const DAY_MS: u64 = 24 * 3600 * 1000;

impl Counter {
    /// The counters after this charge, if every allowance covers it. Nothing is changed before the caller has
    /// asked all holders.
    pub(crate) fn after(&self, charge: Charge, limits: &Limits, now: UnixMillis) -> Result<Self, Exceeded> {
        let mut next = self.today(now);
        next.arrival = after_rate(next.arrival, charge.rows, limits.rate.as_ref(), now)?;
        let tomorrow = Some(DAY_MS - now.as_millis() % DAY_MS);
        next.rows_today = sum(next.rows_today, charge.rows, limits.rows_per_day, Which::DailyRows, tomorrow)?;
        next.rows = sum(next.rows, charge.rows, limits.rows, Which::Rows, None)?;
        next.bits_today = sum(next.bits_today, charge.bits, limits.bits_per_day, Which::DailyBits, tomorrow)?;
        next.bits = sum(next.bits, charge.bits, limits.bits, Which::Bits, None)?;
        Ok(next)
    }

    /// What is left.
    pub(crate) fn left(&self, limits: &Limits, now: UnixMillis) -> Budget {
        let today = self.today(now);
        let left = |allowed: Option<u64>, used: u64| allowed.map(|allowed| allowed.saturating_sub(used));
        Budget {
            rows_today: left(limits.rows_per_day, today.rows_today),
            rows: left(limits.rows, today.rows),
            bits_today: left(limits.bits_per_day, today.bits_today),
            bits: left(limits.bits, today.bits),
        }
    }

    /// The same counters on the day of `now`. A day that lies behind the counted one does not begin anew.
    fn today(&self, now: UnixMillis) -> Self {
        let day = now.as_millis() / DAY_MS;
        if day <= self.day { *self } else { Self { day, rows_today: 0, bits_today: 0, ..*self } }
    }
}

/// The arrival of a rate alone, for holders that have no quotas.
pub(crate) fn after_rate(
    arrival: Arrival,
    rows: u64,
    rate: Option<&Rate>,
    now: UnixMillis,
) -> Result<Arrival, Exceeded> {
    let Some(rate) = rate else { return Ok(arrival) };
    arrival.after(rows, rate, now).map_err(|denied| match denied {
        Denied::For(ms) => Exceeded { which: Which::Rate, retry_after_ms: Some(ms) },
        Denied::Burst => Exceeded { which: Which::Burst, retry_after_ms: None },
    })
}

fn sum(
    used: u64,
    more: u64,
    allowed: Option<u64>,
    which: Which,
    renewed_after_ms: Option<u64>,
) -> Result<u64, Exceeded> {
    let total = used.saturating_add(more);
    match allowed {
        Some(allowed) if total > allowed => {
            // What is more than a whole day's allowance does not pass tomorrow either.
            let retry_after_ms = renewed_after_ms.filter(|_| more <= allowed);
            Err(Exceeded { which, retry_after_ms })
        }
        _ => Ok(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(20_000 * DAY_MS + DAY_MS / 4);

    fn charge(rows: u64, bits: u64) -> Charge {
        Charge { rows, bits }
    }

    #[test]
    fn each_allowance_stops_what_exceeds_it() {
        let none = Limits::NONE;
        for (limits, which, waits) in [
            (Limits { rows_per_day: Some(5), ..none }, Which::DailyRows, true),
            (Limits { rows: Some(5), ..none }, Which::Rows, false),
            (Limits { bits_per_day: Some(50), ..none }, Which::DailyBits, true),
            (Limits { bits: Some(50), ..none }, Which::Bits, false),
        ] {
            let used = Counter::default().after(charge(3, 30), &limits, NOW).unwrap();
            let refused = used.after(charge(3, 30), &limits, NOW).unwrap_err();
            assert_eq!(refused.which, which);
            assert_eq!(refused.retry_after_ms, waits.then_some(DAY_MS - DAY_MS / 4));
            assert!(used.after(charge(2, 20), &limits, NOW).is_ok(), "exactly the rest passes");
            let never = used.after(charge(6, 60), &limits, NOW).unwrap_err();
            assert_eq!(never.retry_after_ms, None, "more than a day's worth");
        }
    }

    #[test]
    fn a_new_day_renews_daily_allowances_alone_and_an_old_one_does_not() {
        let limits = Limits { rows_per_day: Some(5), rows: Some(8), ..Limits::NONE };
        let used = Counter::default().after(charge(5, 0), &limits, NOW).unwrap();
        let tomorrow = NOW.plus(std::time::Duration::from_secs(24 * 3600));
        let next = used.after(charge(3, 0), &limits, tomorrow).unwrap();
        assert_eq!(next.left(&limits, tomorrow).rows_today, Some(2));
        assert_eq!(next.after(charge(1, 0), &limits, tomorrow).unwrap_err().which, Which::Rows);
        assert_eq!(next.left(&limits, NOW).rows_today, Some(2), "yesterday does not come back");
    }
}
