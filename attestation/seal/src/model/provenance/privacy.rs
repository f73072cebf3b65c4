//! What DP-SGD (Abadi et al., 2016) promises, computed again from its figures.
//!
//! ```text
//! RDP(α) = steps/(α − 1) · ln Σₖ C(α,k) qᵏ (1 − q)^(α−k) exp((k² − k)/(2σ²))       k = 0 … α
//! ε(δ) = min over α of RDP(α) + ln((α − 1)/α) − (ln δ + ln α)/(α − 1)
//! ```
//!
//! The first line is the Rényi differential privacy of the sampled Gaussian mechanism at integer orders (Mironov,
//! Talwar, Zhang, 2019, section 3.3), for batches drawn by Poisson sampling and neighbours that differ in one added
//! or removed row. The second is the conversion of Canonne, Kamath and Steinke (2020, proposition 12). The result
//! is an upper bound: whoever trained with shuffled batches of a fixed size has only nearly this promise.

use serde::{Deserialize, Serialize};

use super::ClaimError;

/// Orders that are tried: 2 to this.
const MAX_ORDER: u32 = 256;

/// Part of an ε by which computers may differ.
const TOLERANCE: f64 = 1e-6;

/// Figures of a training with DP-SGD, and what they promise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpSgd {
    /// Deviation of the noise, in units of the clipping norm: σ.
    pub noise_multiplier: f64,
    /// Chance of a row to be in a batch: q.
    pub sampling_rate: f64,
    /// Steps.
    pub steps: u64,
    /// δ.
    pub delta: f64,
    /// ε that is promised, not below [`Self::recomputed`].
    pub epsilon: f64,
}

impl DpSgd {
    /// The ε that follows from the other figures. [`None`] where they are outside their ranges.
    #[must_use]
    pub fn recomputed(&self) -> Option<f64> {
        let sound = self.noise_multiplier > 0.0
            && self.noise_multiplier.is_finite()
            && self.sampling_rate > 0.0
            && self.sampling_rate <= 1.0
            && self.steps > 0
            && self.delta > 0.0
            && self.delta < 1.0;
        if !sound {
            return None;
        }
        let orders = (2..=MAX_ORDER).map(|order| self.at(order));
        let least = orders.fold(f64::INFINITY, f64::min).max(0.0);
        least.is_finite().then_some(least)
    }

    /// ε from one order.
    fn at(&self, order: u32) -> f64 {
        let alpha = f64::from(order);
        self.renyi(order) + ((alpha - 1.0) / alpha).ln() - (self.delta.ln() + alpha.ln()) / (alpha - 1.0)
    }

    /// Rényi differential privacy of all steps at one order.
    fn renyi(&self, order: u32) -> f64 {
        let (alpha, q) = (f64::from(order), self.sampling_rate);
        #[expect(clippy::cast_precision_loss, reason = "numbers of steps fit 53 bits")]
        let steps = self.steps as f64;
        let twice_variance = 2.0 * self.noise_multiplier * self.noise_multiplier;
        if q >= 1.0 {
            return steps * alpha / twice_variance;
        }
        let (mut choose, mut sum) = (0.0, f64::NEG_INFINITY);
        for k in 0..=order {
            let k = f64::from(k);
            let term = choose + k * q.ln() + (alpha - k) * (-q).ln_1p() + (k * k - k) / twice_variance;
            sum = add_logs(sum, term);
            choose += (alpha - k).ln() - (k + 1.0).ln();
        }
        steps * sum.max(0.0) / (alpha - 1.0)
    }

    pub(super) fn check(&self) -> Result<(), ClaimError> {
        let recomputed = self.recomputed().ok_or(ClaimError::Figure("dp-sgd"))?;
        if !self.epsilon.is_finite() {
            return Err(ClaimError::Figure("dp-sgd"));
        }
        if self.epsilon < recomputed * (1.0 - TOLERANCE) { Err(ClaimError::Epsilon) } else { Ok(()) }
    }
}

/// ln(eᵃ + eᵇ).
fn add_logs(a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tutorial of TensorFlow Privacy: MNIST, batches of 256 of 60 000, σ = 1.1, 60 epochs, δ = 1e-5.
    fn tutorial() -> DpSgd {
        DpSgd {
            noise_multiplier: 1.1,
            sampling_rate: 256.0 / 60_000.0,
            steps: 60 * 60_000 / 256 + 1,
            delta: 1e-5,
            epsilon: 3.0,
        }
    }

    /// With the classic conversion RDP(α) + ln(1/δ)/(α − 1) (Mironov, 2017) the tutorial's 3.01.
    #[test]
    fn the_renyi_privacy_is_that_of_the_published_tutorial() {
        let figures = tutorial();
        let classic = |order: u32| figures.renyi(order) - figures.delta.ln() / (f64::from(order) - 1.0);
        let least = (2..=MAX_ORDER).map(classic).fold(f64::INFINITY, f64::min);
        assert!((least - 3.01).abs() < 0.02, "{least}");
        let better = figures.recomputed().unwrap();
        assert!(better < least && better > 2.4, "{better}");
    }

    /// Without sampling it is the Gaussian mechanism: RDP(α) = α/(2σ²).
    #[test]
    fn without_sampling_it_is_the_gaussian_mechanism() {
        let all = DpSgd { noise_multiplier: 4.0, sampling_rate: 1.0, steps: 10, delta: 1e-5, epsilon: 9.0 };
        assert!((all.renyi(8) - 10.0 * 8.0 / 32.0).abs() < 1e-12);
        let nearly = DpSgd { sampling_rate: 1.0 - 1e-9, ..all };
        assert!((nearly.renyi(8) - all.renyi(8)).abs() < 1e-5);
    }

    #[test]
    fn an_epsilon_below_the_recomputed_one_is_refused() {
        let figures = tutorial();
        let recomputed = figures.recomputed().unwrap();
        let stated = |epsilon| DpSgd { epsilon, ..figures }.check();
        assert_eq!((stated(recomputed), stated(9.0)), (Ok(()), Ok(())));
        assert_eq!(stated(recomputed * 0.99), Err(ClaimError::Epsilon));
        for wrong in [
            DpSgd { noise_multiplier: 0.0, ..figures },
            DpSgd { sampling_rate: 1.5, ..figures },
            DpSgd { steps: 0, ..figures },
            DpSgd { delta: 1.0, ..figures },
            DpSgd { epsilon: f64::NAN, ..figures },
            DpSgd { noise_multiplier: f64::NAN, ..figures },
        ] {
            assert_eq!(wrong.check(), Err(ClaimError::Figure("dp-sgd")), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn more_noise_or_fewer_steps_never_cost_more(sigma in 0.5..8.0_f64, q in 0.0001..1.0_f64, steps in 1..20_000_u64) {
            let figures = DpSgd { noise_multiplier: sigma, sampling_rate: q, steps, delta: 1e-5, epsilon: 1.0 };
            let epsilon = figures.recomputed().unwrap();
            let louder = DpSgd { noise_multiplier: sigma * 1.1, ..figures }.recomputed().unwrap();
            let longer = DpSgd { steps: steps + 1, ..figures }.recomputed().unwrap();
            prop_assert!(louder <= epsilon * (1.0 + 1e-9) && epsilon <= longer * (1.0 + 1e-9));
        }
    }
}
