//! What became of requests.

use std::fmt;
use std::time::Duration;

use strongroom_bench::Latencies;

use crate::SoakError;

/// What became of one request.
pub(super) enum Fate {
    /// The right answer.
    Right,
    /// An answer that was accepted and is wrong.
    Wrong,
    /// 429 or 503, with or without a time to come back at.
    Refused {
        /// Whether it names one.
        retry_after: bool,
    },
    /// Anything else.
    Otherwise(String),
}

/// What became of all of them.
pub(super) struct Tally {
    lasting: Duration,
    pub(super) answered: Latencies,
    pub(super) refused: Latencies,
    pub(super) wrong: u64,
    pub(super) without_retry_after: u64,
    pub(super) otherwise: u64,
    pub(super) first_otherwise: Option<String>,
}

impl Tally {
    pub(super) fn over(lasting: Duration) -> Result<Self, SoakError> {
        Ok(Self {
            lasting,
            answered: Latencies::new()?,
            refused: Latencies::new()?,
            wrong: 0,
            without_retry_after: 0,
            otherwise: 0,
            first_otherwise: None,
        })
    }

    /// Right answers count where they came within the time that is measured, anything else whenever it came.
    pub(super) fn note(&mut self, fate: Fate, took: Duration, within: bool) {
        match fate {
            Fate::Right if within => self.answered.add(took),
            Fate::Right => {}
            Fate::Wrong => self.wrong += 1,
            Fate::Refused { retry_after } => {
                self.refused.add(took);
                self.without_retry_after += u64::from(!retry_after);
            }
            Fate::Otherwise(what) => {
                self.otherwise += 1;
                self.first_otherwise.get_or_insert(what);
            }
        }
    }

    /// Right answers a second.
    pub(super) fn per_second(&self) -> f64 {
        self.answered.summary().count as f64 / self.lasting.as_secs_f64()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, refused) = (self.answered.summary(), self.refused.summary());
        let ms = |us: f64| us / 1000.0;
        write!(
            f,
            "{} right (p50 {:.1} ms, p99 {:.1} ms), ",
            answered.count,
            ms(answered.p50_us),
            ms(answered.p99_us)
        )?;
        write!(f, "{} refused (p50 {:.1} ms, ", refused.count, ms(refused.p50_us))?;
        write!(
            f,
            "p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms), ",
            ms(refused.p99_us),
            ms(refused.p999_us),
            ms(refused.max_us)
        )?;
        write!(f, "{} wrong, {} otherwise", self.wrong, self.otherwise)
    }
}
