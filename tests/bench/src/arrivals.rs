//! When requests arrive in an open loop: a Poisson process, the same one for the same seed.
//!
//! Gaps are exponential, as those of many independent clients are. A closed loop would wait for a slow server and so ask
//! it less exactly when it is slow.

use std::time::Duration;

/// Times of arrival since the start, without end.
#[derive(Clone, Debug)]
pub struct Arrivals {
    per_second: f64,
    at: f64,
    state: u64,
}

impl Arrivals {
    /// So many a second on average. A rate that is not positive has no arrivals.
    #[must_use]
    pub const fn new(per_second: f64, seed: u64) -> Self {
        Self { per_second, at: 0.0, state: seed }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014), which needs no crate and no system.
    const fn next_bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Uniform in (0, 1]: zero would make an infinite gap.
    fn next_share(&mut self) -> f64 {
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((self.next_bits() >> 11) + 1) as f64 / STEPS
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at += -self.next_share().ln() / self.per_second;
        Duration::try_from_secs_f64(self.at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_arrives_the_same_way() {
        let take = |seed| Arrivals::new(10.0, seed).take(50).collect::<Vec<_>>();
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
    }

    #[test]
    fn arrivals_come_at_their_rate_with_the_spread_of_a_poisson_process() {
        let times: Vec<f64> = Arrivals::new(200.0, 7).take(20_000).map(|at| at.as_secs_f64()).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean * 200.0 - 1.0).abs() < 0.03, "{mean}");
        // The deviation of an exponential gap is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn nothing_arrives_at_no_rate() {
        assert_eq!(Arrivals::new(0.0, 1).next(), None);
    }
}
