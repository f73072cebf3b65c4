//! Bets against the claim that a key asks about data like that of the profile: a conformal e-detector.
//!
//! Each row gives four p-values, conditional on the class that the model chose: how seldom honest rows lie as far
//! from the class's mean, as near to it, or are decided by as low or as high a margin. A bet ε·p^(ε−1) has mean 1 at
//! most for honest rows (Vovk, Wang, Annals of Statistics 2021), so capital grows only where p-values are small too
//! often (Shin, Ramdas, Rinaldo, 2022). Four choices of ε play side by side and their mean counts. Capital never
//! falls below 1 at any step: else a thief's honest first queries would bank credit for later ones.
//!
//! The profile's calibration rows are one fixed sample. The share of them beyond a row is taken [`SURE`] standard
//! deviations higher than seen, and [`SLACK`] on top: without, 400 keys of 1000 honest rows raise 5 to 20 false
//! alarms in simulation, with it none in several thousand keys; a row at the 5th percentile still costs a thief
//! about 10 queries in place of 8, one at the 20th about 30.
//!
//! A customer who sends only rows of one rare kind, true frauds say, is told from a thief by nothing here: the
//! margins of such keys alarm. So margins never block.

use crate::profile::Profile;
use crate::rows::Row;

/// The ε of each bettor.
const EPSILONS: [f32; 4] = [0.2, 0.4, 0.6, 0.8];

/// Standard deviations by which the share of calibration rows may lie too low.
const SURE: f32 = 2.0;

/// Factor on p-values for honest rows that are not quite the calibration rows' like.
const SLACK: f32 = 1.25;

/// What bets are made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Rows far from the mean of their class.
    TooFar,
    /// Rows near to it.
    TooTypical,
    /// Rows near the boundary of a decision.
    LowMargin,
    /// Rows far from it.
    HighMargin,
}

impl Stream {
    /// Each, in the order of p-values.
    pub(crate) const ALL: [Self; 4] = [Self::TooFar, Self::TooTypical, Self::LowMargin, Self::HighMargin];
}

/// Logarithms of the four p-values of a row, in the order of [`Stream::ALL`]. 0 where nothing is known.
pub(crate) type Surprise = [f32; Stream::ALL.len()];

/// How surprising a row at this distance is.
pub(crate) fn surprise(profile: &Profile, row: Row<'_>, distance: f32) -> Surprise {
    let Some(class) = profile.classes.get(row.class) else {
        return [0.0; Stream::ALL.len()];
    };
    let (near, far) = tails(&class.distances, distance);
    let (low, high) = row.margin.map_or((0.0, 0.0), |margin| tails(&class.margins, margin));
    [far, near, low, high]
}

/// Logarithms of cautious p-values of a value against a rising sample: as low, and as high.
fn tails(sample: &[f32], value: f32) -> (f32, f32) {
    let at_most = sample.partition_point(|other| *other <= value);
    let at_least = sample.len() - sample.partition_point(|other| *other < value);
    (cautious(at_most, sample.len()), cautious(at_least, sample.len()))
}

/// Logarithm of an upper bound of the share that `count` of `size` were drawn from.
#[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
fn cautious(count: usize, size: usize) -> f32 {
    if size == 0 {
        return 0.0;
    }
    let share = (count + 1) as f32 / (size + 1) as f32;
    let spread = (share * (1.0 - share) / size as f32).sqrt();
    (SLACK * (share + SURE * spread + SURE / size as f32)).min(1.0).ln()
}

/// Logarithms of the capital of each bettor in each stream, never negative.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bets([[f32; EPSILONS.len()]; Stream::ALL.len()]);

impl Bets {
    /// Bets on one row. The streams whose capital reaches `alarm` (a logarithm) alarm and begin anew.
    pub(crate) fn stake(&mut self, surprise: &Surprise, alarm: f32) -> impl Iterator<Item = Stream> {
        let mut alarms = [None; Stream::ALL.len()];
        let streams = self.0.iter_mut().zip(surprise).zip(Stream::ALL);
        for (((capital, surprise), stream), raised) in streams.zip(&mut alarms) {
            for (capital, epsilon) in capital.iter_mut().zip(EPSILONS) {
                *capital = (*capital + epsilon.ln() + (epsilon - 1.0) * surprise).max(0.0);
            }
            if mean(capital) >= alarm {
                *capital = [0.0; EPSILONS.len()];
                *raised = Some(stream);
            }
        }
        alarms.into_iter().flatten()
    }
}

/// Logarithm of the mean of the capitals.
#[expect(clippy::cast_precision_loss, reason = "a handful of bettors")]
fn mean(logarithms: &[f32; EPSILONS.len()]) -> f32 {
    let most = logarithms.iter().copied().fold(0.0, f32::max);
    let sum: f32 = logarithms.iter().map(|capital| (capital - most).exp()).sum();
    most + (sum / EPSILONS.len() as f32).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::mix;

    const ALARM: f32 = 9.21;

    fn sample(size: u16) -> Vec<f32> {
        (0..size).map(|at| f32::from(at) / f32::from(size)).collect()
    }

    fn uniform(number: u64) -> f32 {
        (mix(number) >> 40) as f32 / (1 << 24) as f32
    }

    /// Rows until an alarm of the first stream, of so many.
    fn first_alarm(rows: u64, value: impl Fn(u64) -> f32) -> Option<u64> {
        let (sample, mut bets) = (sample(1000), Bets::default());
        (1..=rows).find(|row| {
            let (low, high) = tails(&sample, value(*row));
            bets.stake(&[low, high, 0.0, 0.0], ALARM).count() > 0
        })
    }

    #[test]
    fn p_values_lie_above_the_share_that_was_seen() {
        for count in 0..=1000 {
            let cautious = cautious(count, 1000).exp();
            assert!(cautious >= (count as f32 + 1.0) / 1001.0 - 1e-6, "{count}: {cautious}");
            assert!(cautious <= 1.0);
        }
        assert_eq!(cautious(0, 0), 0.0, "no sample says nothing");
    }

    #[test]
    fn a_tie_with_the_whole_sample_is_no_surprise() {
        let (low, high) = tails(&[0.5; 1000], 0.5);
        assert!(low.abs() < 1e-6 && high.abs() < 1e-6);
    }

    #[test]
    fn uniform_values_raise_no_alarm() {
        for seed in 0..200_u64 {
            assert_eq!(first_alarm(1000, |row| uniform(seed << 32 | row)), None, "{seed}");
        }
    }

    #[test]
    fn values_of_the_lowest_tenth_alarm_within_thirty_rows() {
        for seed in 0..50_u64 {
            let alarm = first_alarm(30, |row| uniform(seed << 32 | row) * 0.1);
            assert!(alarm.is_some(), "{seed}");
        }
        assert!(first_alarm(7, |_| -1.0).is_some());
    }

    #[test]
    fn ordinary_rows_bank_no_credit() {
        let mut bets = Bets::default();
        for _ in 0..10_000 {
            assert_eq!(bets.stake(&[0.0; 4], ALARM).count(), 0);
        }
        assert!(bets.0.iter().flatten().all(|capital| *capital == 0.0));
    }

    #[test]
    fn a_stream_begins_anew_after_its_alarm() {
        let mut bets = Bets::default();
        let far = [-6.0, 0.0, 0.0, 0.0];
        let first =
            (1..100).find(|_| bets.stake(&far, ALARM).any(|stream| stream == Stream::TooFar)).unwrap();
        let second =
            (1..100).find(|_| bets.stake(&far, ALARM).any(|stream| stream == Stream::TooFar)).unwrap();
        assert_eq!(first, second);
        assert!(first > 1);
    }
}
