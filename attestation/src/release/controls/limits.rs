//! Allowances: rates, quotas and budgets.

use serde::{Deserialize, Serialize};

/// So many rows in a time, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Rows.
    pub rows: u64,
    /// In so many milliseconds.
    pub per_ms: u64,
    /// Rows that pass at once after a pause.
    pub burst: u64,
}

/// The allowances of one holder. What is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rate of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Rows in a day of the enclave's clock (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_day: Option<u64>,
    /// Rows altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bits of released information in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_day: Option<u64>,
    /// Bits of released information altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u64>,
}

/// Longest time of a rate: a week, in milliseconds. Longer spans are quotas.
pub(crate) const MAX_RATE_MS: u64 = 7 * 24 * 3600 * 1000;

/// Most rows of a rate or burst, so that no arithmetic on times overflows.
pub(crate) const MAX_RATE_ROWS: u64 = 1 << 32;

impl Rate {
    /// Whether anything passes, and within bounds.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        (1..=MAX_RATE_ROWS).contains(&self.rows)
            && (1..=MAX_RATE_MS).contains(&self.per_ms)
            && (1..=MAX_RATE_ROWS).contains(&self.burst)
    }

    /// Whether it lets no more pass, neither at once nor in the long run.
    fn is_within(self, most: Self) -> bool {
        let (own, others) = (
            u128::from(self.rows) * u128::from(most.per_ms),
            u128::from(most.rows) * u128::from(self.per_ms),
        );
        own <= others && self.burst <= most.burst
    }
}

impl Limits {
    /// Nothing is limited.
    pub const NONE: Self =
        Self { rate: None, rows_per_day: None, rows: None, bits_per_day: None, bits: None };

    /// Whether the rate, if there is one, lets anything pass.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.rate.is_none_or(|rate| rate.is_possible())
    }

    /// Whether nothing of it allows more than `most` does, where it states anything.
    #[must_use]
    pub fn is_within(&self, most: &Self) -> bool {
        let within = |own: Option<u64>, most: Option<u64>| match (own, most) {
            (Some(own), Some(most)) => own <= most,
            _ => true,
        };
        let rate = match (self.rate, most.rate) {
            (Some(own), Some(most)) => own.is_within(most),
            _ => true,
        };
        rate && within(self.rows_per_day, most.rows_per_day)
            && within(self.rows, most.rows)
            && within(self.bits_per_day, most.bits_per_day)
            && within(self.bits, most.bits)
    }

    /// Each allowance of `other` where it states one, else that of `self`.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        Self {
            rate: other.rate.or(self.rate),
            rows_per_day: other.rows_per_day.or(self.rows_per_day),
            rows: other.rows.or(self.rows),
            bits_per_day: other.bits_per_day.or(self.bits_per_day),
            bits: other.bits.or(self.bits),
        }
    }
}
