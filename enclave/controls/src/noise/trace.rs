//! Whose noise is left in a copy of a model: what the owner computes who holds the model's own key.
//!
//! ```text
//! trace of a key = Σ over rows r and classes c of residual(r, c) · Σᵢ sᵢc · cos(wᵢ·x + bᵢ)
//!                = Σᵢc sᵢc · gᵢc    with gᵢc = Σ over rows of residual(r, c) · cos(wᵢ·x + bᵢ)
//! ```
//!
//! A residual is what a suspect says less what the model says, centred over the classes as the noise is. The sums g
//! are the same for every key, so that trying one more key costs no more than its signs. For a key whose answers
//! did not go into the suspect, the trace has mean 0 and variance Σ g², by the draw of its signs.

use strongroom_seal::secret::ApiKeyDigest;
use strongroom_seal::tensor::Tensor;

use super::Field;
use crate::limits::{MAX_NOISE_OUTPUTS, NOISE_TERMS};

/// Residuals of a suspect, seen through the waves of one model.
pub struct Trace<'a> {
    field: &'a Field,
    classes: usize,
    /// The sums g: `NOISE_TERMS` for each class.
    sums: Vec<f64>,
}

impl<'a> Trace<'a> {
    /// Begins with no rows. [`None`] where there are too few classes to differ, or too many for any noise.
    #[must_use]
    pub fn new(field: &'a Field, classes: usize) -> Option<Self> {
        let fits = (2..=MAX_NOISE_OUTPUTS).contains(&classes);
        fits.then(|| Self { field, classes, sums: vec![0.0; classes * NOISE_TERMS] })
    }

    /// Takes the residuals of rows, a group of one value for each class a row. Returns whether they fit the inputs.
    #[must_use]
    pub fn add(&mut self, inputs: &[Tensor<'_>], residuals: &[f64]) -> bool {
        let Some(cosines) = self.field.cosines(inputs) else { return false };
        if residuals.len() * NOISE_TERMS != cosines.len() * self.classes {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
        let count = self.classes as f64;
        for (row, cosines) in residuals.chunks_exact(self.classes).zip(cosines.chunks_exact(NOISE_TERMS)) {
            let mean = row.iter().sum::<f64>() / count;
            for (residual, sums) in row.iter().zip(self.sums.chunks_exact_mut(NOISE_TERMS)) {
                let centred = residual - mean;
                sums.iter_mut().zip(cosines).for_each(|(sum, cosine)| *sum += centred * f64::from(*cosine));
            }
        }
        true
    }

    /// The trace of one key. [`None`] where no key could be derived.
    #[must_use]
    pub fn of(&self, caller: &ApiKeyDigest) -> Option<f64> {
        let signs = self.field.signs(caller, self.classes)?;
        let bits = signs.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        Some(self.sums.iter().zip(bits).map(|(sum, plus)| if plus { *sum } else { -sum }).sum())
    }
}
