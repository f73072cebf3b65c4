//! Whether two kinds of measurement can be told apart, by whoever sees nothing else.
//!
//! Three judges look at the same numbers, because each is blind to something. AUC is the chance that one of the first kind is
//! below one of the second: what any rule can do that takes larger for one kind and smaller for the other (Mann and Whitney,
//! 1947). The best threshold also finds a difference in spread alone. Welch's t is that of dudect (Reparaz, Balasch and
//! Verbauwhede, 2017): means, of all measurements and of those below several percentiles, where less noise hides them.

use std::fmt;

/// Percentiles below which the means are compared, beside all measurements.
const CROPS: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// Fewest measurements of a kind that a mean of some of them is made of.
const LEAST_CROPPED: usize = 10;

/// Standard errors that AUC may be off by chance: one in 2000 runs is further off to one side.
const CHANCE: f64 = 3.29;

/// |t| from where dudect speaks of a leak.
const LEAK: f64 = 4.5;

/// Fewest measurements of a kind of which [`Told::leaks`] says something.
pub const LEAST_JUDGED: usize = 1000;

/// What the judges say of two kinds of measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// Measurements of both kinds.
    pub count: usize,
    /// Chance that a rule that goes by size is right about a pair: a half where nothing is told.
    pub auc: f64,
    /// What it is at least, chance considered.
    pub auc_at_least: f64,
    /// Share of measurements that the best single threshold sorts rightly, both kinds being equally likely. By chance it is
    /// a little above a half.
    pub threshold: f64,
    /// The largest |t| of all crops.
    pub t: f64,
}

impl Told {
    /// Judges two kinds. `None` where there are too few to say anything.
    #[must_use]
    pub fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        if first.len() < LEAST_CROPPED || second.len() < LEAST_CROPPED {
            return None;
        }
        let ranked = Ranked::of(first, second);
        let above = ranked.auc();
        let auc = above.max(1.0 - above);
        Some(Self {
            count: first.len() + second.len(),
            auc,
            auc_at_least: (auc - CHANCE * by_chance(first.len(), second.len())).max(0.5),
            threshold: ranked.best_threshold(),
            t: largest_t(first, second),
        })
    }

    /// Whether the kinds are told apart better than this AUC, chance considered.
    #[must_use]
    pub fn apart(&self, bound: f64) -> bool {
        self.auc_at_least > bound
    }

    /// Whether any of the three judges tells the kinds apart: AUC or the best threshold beyond `bound`, or means further apart
    /// than dudect's 4.5.
    ///
    /// Where both kinds are the same and the bound is .55, chance alone does so in one look of 20,000 with 2000 measurements of
    /// each, in one of 4000 with [`LEAST_JUDGED`]. Each of the seven |t| is beyond 4.5 in 7 looks of a million; AUC is beyond .55
    /// in 4 of 10⁸, and in 11 of 10⁵ with the fewest. A threshold that is right in .55 takes two distributions that are .1 apart,
    /// which they are in 4 of 10⁹ and in 9 of 10⁵ (Smirnov, 1939). Of fewer measurements it says nothing.
    #[must_use]
    pub fn leaks(&self, bound: f64) -> bool {
        self.auc > bound || self.threshold > bound || self.t > LEAK
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, auc, auc_at_least, threshold, t } = self;
        write!(
            f,
            "{count} measurements: AUC {auc:.3} (at least {auc_at_least:.3}), best threshold right in {threshold:.3}, |t| {t:.1}"
        )
    }
}

/// Standard error of AUC where both kinds are the same.
fn by_chance(first: usize, second: usize) -> f64 {
    let (n, m) = (first as f64, second as f64);
    ((n + m + 1.0) / (12.0 * n * m)).sqrt()
}

/// Both kinds in order of size: how many of each have every value that occurs.
struct Ranked {
    ties: Vec<[f64; 2]>,
    counts: [f64; 2],
}

impl Ranked {
    fn of(first: &[f64], second: &[f64]) -> Self {
        let mut all: Vec<(f64, usize)> =
            first.iter().map(|value| (*value, 0)).chain(second.iter().map(|value| (*value, 1))).collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let same = |one: &(f64, usize), other: &(f64, usize)| one.0.total_cmp(&other.0).is_eq();
        let ties = all.chunk_by(same).map(|tied| {
            let second = tied.iter().filter(|(_, kind)| *kind == 1).count();
            [(tied.len() - second) as f64, second as f64]
        });
        Self { ties: ties.collect(), counts: [first.len() as f64, second.len() as f64] }
    }

    /// Chance that one of the second kind is above one of the first; a tie is half a chance.
    fn auc(&self) -> f64 {
        let mut below = 0.0;
        let mut won = 0.0;
        for [first, second] in &self.ties {
            won += second * (below + first / 2.0);
            below += first;
        }
        let [n, m] = self.counts;
        won / (n * m)
    }

    fn best_threshold(&self) -> f64 {
        let [n, m] = self.counts;
        let (mut first, mut second, mut best) = (0.0, 0.0, 0.0_f64);
        for tie in &self.ties {
            first += tie[0] / n;
            second += tie[1] / m;
            best = best.max((first - second).abs());
        }
        (1.0 + best) / 2.0
    }
}

/// The largest |t| of all measurements and of those below each percentile of both kinds together.
fn largest_t(first: &[f64], second: &[f64]) -> f64 {
    let mut all = [first, second].concat();
    all.sort_by(f64::total_cmp);
    let below =
        |kind: &[f64], most: f64| kind.iter().copied().filter(|value| *value <= most).collect::<Vec<_>>();
    let crops = CROPS.iter().filter_map(|share| {
        let place = (all.len() as f64 * share) as usize;
        let most = *all.get(place)?;
        welch(&below(first, most), &below(second, most))
    });
    crops.chain(welch(first, second)).map(f64::abs).fold(0.0, f64::max)
}

/// Welch's t. `None` for too few.
fn welch(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.len() < LEAST_CROPPED || second.len() < LEAST_CROPPED {
        return None;
    }
    let ((mean, error), (other, other_error)) = (mean_and_error(first), mean_and_error(second));
    let error = (error + other_error).sqrt();
    match (mean - other).abs() {
        0.0 => Some(0.0),
        // Constants that differ are told apart by one look.
        _ if error == 0.0 => Some(f64::INFINITY),
        _ => Some((mean - other) / error),
    }
}

/// Mean, and the square of its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look drawn from [0, 1): the fractional parts of multiples of the golden ratio, from a start on.
    fn spread(count: usize, start: usize) -> Vec<f64> {
        (start..start + count).map(|number| (number as f64 * 0.618_033_988_749_895).fract()).collect()
    }

    fn told(first: &[f64], second: &[f64]) -> Told {
        Told::of(first, second).unwrap()
    }

    #[test]
    fn the_same_is_not_told_apart() {
        let told = told(&spread(1000, 0), &spread(1000, 7919));
        assert!((told.auc - 0.5).abs() < 0.01 && told.threshold < 0.51 && told.t < 1.0, "{told}");
        assert!(!told.apart(0.5));
    }

    #[test]
    fn auc_counts_pairs_and_ties_half() {
        let ten = |values: [f64; 2]| values.repeat(5);
        let judged = told(&ten([1.0, 2.0]), &ten([2.0, 3.0]));
        // Of four kinds of pairs three are in order and one is a tie: 3.5 of 4.
        assert!((judged.auc - 0.875).abs() < 1e-12, "{judged}");
        assert!((judged.threshold - 0.75).abs() < 1e-12, "{judged}");
        assert_eq!(told(&ten([2.0, 3.0]), &ten([1.0, 2.0])).auc, judged.auc, "whichever is the larger");
    }

    #[test]
    fn a_shift_is_seen_by_all_three() {
        let shifted: Vec<f64> = spread(1000, 7919).iter().map(|value| value + 0.2).collect();
        let told = told(&spread(1000, 0), &shifted);
        // Two uniform kinds, one moved by a fifth: (1 + .2)² - 1 ... / 2 above a half.
        assert!((told.auc - 0.68).abs() < 0.01 && told.apart(0.55), "{told}");
        assert!(told.threshold > 0.59 && told.t > 10.0, "{told}");
    }

    #[test]
    fn a_few_measurements_prove_nothing() {
        let shifted: Vec<f64> = spread(20, 7919).iter().map(|value| value + 0.05).collect();
        let few = told(&spread(20, 0), &shifted);
        assert!(few.auc > 0.52 && !few.apart(0.5), "{few}");
        assert_eq!(Told::of(&[1.0; 9], &[2.0; 100]), None);
    }

    #[test]
    fn a_difference_in_spread_alone_is_seen_by_the_threshold() {
        let wider: Vec<f64> = spread(1000, 7919).iter().map(|value| value * 3.0 - 1.0).collect();
        let told = told(&spread(1000, 0), &wider);
        assert!((told.auc - 0.5).abs() < 0.01 && told.threshold > 0.65, "{told}");
    }

    #[test]
    fn each_judge_alone_makes_a_leak() {
        let moved = |by: f64| spread(4000, 7919).iter().map(|value| value + by).collect::<Vec<_>>();
        assert!(!told(&spread(4000, 0), &moved(0.0)).leaks(0.55));
        let means = told(&spread(4000, 0), &moved(0.04));
        assert!(means.leaks(0.55) && means.auc < 0.55 && means.threshold < 0.55, "{means}");
        let wider: Vec<f64> = spread(LEAST_JUDGED, 7919).iter().map(|value| value * 1.5 - 0.25).collect();
        let spreads = Told { t: 0.0, ..told(&spread(LEAST_JUDGED, 0), &wider) };
        assert!(spreads.leaks(0.55) && spreads.auc < 0.55, "{spreads}");
        assert!(Told { auc: 0.56, threshold: 0.5, t: 0.0, ..means }.leaks(0.55));
    }

    #[test]
    fn crops_see_what_rare_long_times_hide() {
        let with_noise = |start: usize, by: f64| {
            let noise = |(number, value): (usize, f64)| {
                if number.is_multiple_of(50) { 1e4 * (1.0 + (number % 7) as f64) } else { value + by }
            };
            spread(2000, start).into_iter().enumerate().map(noise).collect::<Vec<f64>>()
        };
        let (first, second) = (with_noise(0, 0.0), with_noise(7919, 0.2));
        assert!(welch(&first, &second).unwrap().abs() < 1.0, "all together, the noise is everything");
        assert!(told(&first, &second).t > 10.0);
    }

    #[test]
    fn welch_is_that_of_the_textbook() {
        let first: Vec<f64> = (1..=10).map(f64::from).collect();
        let second: Vec<f64> = (1..=10).map(|value| f64::from(value) * 2.0).collect();
        // Means 5.5 and 11, variances 55/6 and 110/3: t = -5.5 / sqrt(11/12 + 11/3).
        let expected = -5.5 / (11.0_f64 / 12.0 + 11.0 / 3.0).sqrt();
        assert!((welch(&first, &second).unwrap() - expected).abs() < 1e-12);
        assert_eq!(welch(&[1.0; 10], &[1.0; 10]), Some(0.0));
        assert_eq!(welch(&[1.0; 10], &[2.0; 10]), Some(f64::INFINITY));
    }
}
