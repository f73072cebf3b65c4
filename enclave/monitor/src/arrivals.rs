//! How fast a key asks and how often it is refused, against what is usual: two cumulative sums (Page, 1954).
//!
//! Rows per minute are judged against the key's own first minutes in which it asked at all, on a logarithmic scale
//! and in units of their own spread, so that a key of bursts has a baseline of bursts. One minute counts for little
//! however full it is. A thief who asks fast from the first minute on has that as its baseline: limits are for it.

use strongroom_attestation::UnixMillis;

const MINUTE_MS: u64 = 60_000;

/// Minutes with rows that the baseline is learnt from.
const LEARNT_MINUTES: u32 = 20;

/// Least spread of the logarithm of rows per minute.
const MIN_SPREAD: f32 = 0.4;

/// Spreads beyond which a minute counts as this.
const MAX_DEVIATION: f32 = 4.0;

/// Spreads above the baseline that are still usual.
const USUAL_DEVIATION: f32 = 1.5;

/// Sum of unusual spreads that alarms: five minutes of the fullest kind.
const ARRIVALS_ALARM: f32 = 12.0;

/// Rows per minute of one key.
#[derive(Clone, Copy, Default)]
pub(crate) struct Arrivals {
    minute: u64,
    /// Rows in it so far.
    rows: u32,
    /// Minutes with rows before it, up to those the baseline is learnt from.
    learnt: u32,
    /// Mean of the logarithms, and sum of squared deviations from it (Welford, 1962).
    mean: f32,
    squares: f32,
    sum: f32,
}

impl Arrivals {
    /// Counts rows. Whether so many have come for so long that it is unlike the key.
    pub(crate) fn count(&mut self, rows: usize, now: UnixMillis) -> bool {
        let minute = now.as_millis() / MINUTE_MS;
        let mut alarm = false;
        if minute > self.minute {
            alarm = self.rows > 0 && self.close();
            (self.minute, self.rows) = (minute, 0);
        }
        self.rows = self.rows.saturating_add(u32::try_from(rows).unwrap_or(u32::MAX));
        alarm
    }

    /// Judges the minute that is over, or learns from it.
    #[expect(clippy::cast_precision_loss, reason = "counts on a logarithmic scale")]
    fn close(&mut self) -> bool {
        let value = (self.rows as f32).ln_1p();
        if self.learnt < LEARNT_MINUTES {
            self.learnt += 1;
            let before = value - self.mean;
            self.mean += before / self.learnt as f32;
            self.squares += before * (value - self.mean);
            return false;
        }
        let spread = (self.squares / (LEARNT_MINUTES - 1) as f32).sqrt().max(MIN_SPREAD);
        let deviation = ((value - self.mean) / spread).min(MAX_DEVIATION);
        self.sum = (self.sum + deviation - USUAL_DEVIATION).max(0.0);
        let alarm = self.sum >= ARRIVALS_ALARM;
        if alarm {
            *self = Self { minute: self.minute, ..Self::default() };
        }
        alarm
    }
}

/// Share of requests with a fault in them that is usual, and that of somebody who probes.
const USUAL_FAULTS: f32 = 0.01;
const PROBING_FAULTS: f32 = 0.1;

/// Cumulative log-likelihood ratio of one key's faults, never negative.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults(f32);

impl Faults {
    /// Counts a request that was answered.
    pub(crate) fn answered(&mut self) {
        self.0 = (self.0 + ((1.0 - PROBING_FAULTS) / (1.0 - USUAL_FAULTS)).ln()).max(0.0);
    }

    /// Counts one that was refused for its content. Whether they have become too many: twice the logarithm of the
    /// alarm is needed, or four faults of a developer in a row would be enough.
    pub(crate) fn refused(&mut self, alarm: f32) -> bool {
        self.0 += (PROBING_FAULTS / USUAL_FAULTS).ln();
        let alarm = self.0 >= 2.0 * alarm;
        if alarm {
            self.0 = 0.0;
        }
        alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::mix;

    /// Minutes until an alarm, with so many rows in each.
    fn first_alarm(minutes: u64, rows: impl Fn(u64) -> usize) -> Option<u64> {
        let mut arrivals = Arrivals::default();
        (1..=minutes).find(|minute| arrivals.count(rows(*minute), UnixMillis::new(minute * MINUTE_MS)))
    }

    #[test]
    fn a_constant_rate_raises_no_alarm() {
        assert_eq!(first_alarm(5000, |_| 7), None);
        assert_eq!(
            first_alarm(5000, |minute| if minute % 60 == 0 { 500 } else { 5 }),
            None,
            "a batch an hour"
        );
    }

    #[test]
    fn bursts_raise_no_alarm() {
        for seed in 0..20_u64 {
            let burst = |minute: u64| 1_usize << (mix(seed << 32 | minute) % 8);
            assert_eq!(first_alarm(3000, burst), None, "{seed}");
        }
    }

    #[test]
    fn fifty_times_the_usual_rate_alarms_within_ten_minutes_and_once() {
        let alarm = first_alarm(100, |minute| if minute > 30 { 250 } else { 5 });
        assert!(alarm.is_some_and(|minute| minute <= 40), "{alarm:?}");
        let mut arrivals = Arrivals::default();
        let rows = |minute| if minute > 30 { 250 } else { 5 };
        let alarms =
            (1..1000).filter(|minute| arrivals.count(rows(*minute), UnixMillis::new(minute * MINUTE_MS)));
        assert_eq!(alarms.count(), 1, "the new rate is the next baseline");
    }

    #[test]
    fn time_that_stands_still_or_goes_back_counts_into_the_same_minute() {
        let mut arrivals = Arrivals::default();
        for minute in [9, 9, 3, 0] {
            assert!(!arrivals.count(usize::MAX, UnixMillis::new(minute * MINUTE_MS)));
        }
        assert_eq!(arrivals.learnt, 0);
    }

    #[test]
    fn faults_alarm_when_they_are_many() {
        let alarm = 1.0e4_f32.ln();
        let mut faults = Faults::default();
        let often = (0..1000).any(|request| {
            faults.answered();
            request % 5 == 0 && faults.refused(alarm)
        });
        assert!(often, "one of five");
        let mut faults = Faults::default();
        let seldom = (0..20_000).any(|request| {
            faults.answered();
            request % 100 == 0 && faults.refused(alarm)
        });
        assert!(!seldom, "one of a hundred");
        assert!(!(0..7).any(|_| Faults::refused(&mut faults, alarm)), "seven in a row");
    }
}
