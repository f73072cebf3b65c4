//! Exact discrete Laplace noise, by whole numbers alone.
//!
//! Canonne, Kamath, Steinke: "The Discrete Gaussian for Differential Privacy" (2020), algorithm 2, with the
//! Bernoulli trials of its algorithm 1. No number with a fraction takes part, so there is none of the rounding by
//! which Mironov (2012) reads the noise of a textbook sampler off its last bits. How long a draw takes depends on
//! the noise and not on the count that it is added to.

#[cfg(test)]
pub(crate) mod tests;

/// Where random bytes come from.
pub type Fill<'a> = dyn FnMut(&mut [u8]) -> Result<(), NoRandom> + 'a;

/// The random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no randomness")]
pub struct NoRandom;

/// Parts of a unit of ε that a scale is exact to: ε is rounded down to a multiple of 2⁻⁴⁰.
const EPSILON_PARTS: u64 = 1 << 40;

/// Most counts that one row or request may change: the numerator stays below 2⁵³.
const MAX_SENSITIVITY: u32 = 1 << 13;

/// Random bytes fetched at a time.
const DRAWN_BYTES: usize = 1024;

/// The scale of a discrete Laplace distribution, as a fraction: the chance of y is proportional to e^(−|y|/scale).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    numerator: u64,
    denominator: u64,
}

impl Scale {
    /// A scale of `numerator / denominator`. [`None`] where either is 0 or the numerator is 2⁵³ or more.
    #[must_use]
    pub const fn new(numerator: u64, denominator: u64) -> Option<Self> {
        if numerator == 0 || denominator == 0 || numerator >= 1 << 53 {
            return None;
        }
        Some(Self { numerator, denominator })
    }

    /// The scale that makes counts ε-differentially private, of which one row changes `sensitivity` by one each:
    /// sensitivity / ε, never less. [`None`] where ε is not between 2⁻⁴⁰ and 2²³ or the sensitivity too large.
    #[must_use]
    pub fn for_privacy(sensitivity: u32, epsilon: f64) -> Option<Self> {
        if sensitivity > MAX_SENSITIVITY || !(epsilon > 0.0 && epsilon < f64::from(1_u32 << 23)) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "positive and below 2⁶³; a power of two is exact"
        )]
        let parts = (epsilon * EPSILON_PARTS as f64).floor() as u64;
        Self::new(u64::from(sensitivity).checked_mul(EPSILON_PARTS)?, parts)
    }

    /// The scale as a number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "thresholds need no more than an f64 holds")]
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// Draws noise.
    ///
    /// # Errors
    /// [`NoRandom`] when the source fails.
    pub fn sample(self, random: &mut Random<'_>) -> Result<i64, NoRandom> {
        loop {
            let remainder = random.below(self.numerator)?;
            if !random.decays(remainder, self.numerator)? {
                continue;
            }
            let mut whole: u128 = 0;
            while random.decays(1, 1)? {
                whole += 1;
            }
            let drawn = u128::from(remainder) + u128::from(self.numerator) * whole;
            let size = i64::try_from(drawn / u128::from(self.denominator)).unwrap_or(i64::MAX);
            let negative = random.below(2)? == 1;
            // Else 0 would come up twice as often as it should.
            if !(negative && size == 0) {
                return Ok(if negative { -size } else { size });
            }
        }
    }
}

/// Random bytes, fetched in larger pieces.
pub struct Random<'a> {
    fill: &'a mut Fill<'a>,
    words: [u8; DRAWN_BYTES],
    used: usize,
}

impl<'a> Random<'a> {
    /// Draws from this source.
    #[must_use]
    pub fn new(fill: &'a mut Fill<'a>) -> Self {
        Self { fill, words: [0; DRAWN_BYTES], used: DRAWN_BYTES }
    }

    fn word(&mut self) -> Result<u64, NoRandom> {
        if self.used >= DRAWN_BYTES {
            (self.fill)(&mut self.words)?;
            self.used = 0;
        }
        let word = self.words.get(self.used..).and_then(|rest| rest.first_chunk::<8>()).ok_or(NoRandom)?;
        self.used += word.len();
        Ok(u64::from_le_bytes(*word))
    }

    /// A number below `bound`, each as likely as the others. 0 where the bound is 0.
    fn below(&mut self, bound: u64) -> Result<u64, NoRandom> {
        let Some(largest) = bound.checked_sub(1) else { return Ok(0) };
        let mask = u64::MAX.checked_shr(largest.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.word()? & mask;
            if drawn <= largest {
                return Ok(drawn);
            }
        }
    }

    /// True with chance e^(−γ), where γ = `part / whole` is at most 1: the number of the first failure among trials
    /// with chances γ, γ/2, γ/3, … is odd that often. γ/k is drawn as a trial of γ and one of 1/k.
    fn decays(&mut self, part: u64, whole: u64) -> Result<bool, NoRandom> {
        let mut trial = 1;
        while self.below(whole)? < part && self.below(trial)? == 0 {
            trial += 1;
        }
        Ok(trial % 2 == 1)
    }
}
