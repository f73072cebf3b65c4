//! Whose noise is left in a copy of a model: what the owner computes who holds the model's own key.
//!
//! ```text
//! weights of class c = (Σᵣ φᵣ φᵣᵀ + RIDGE)⁻¹ Σᵣ residual(r, c) · φᵣ    with φᵣᵢ = cos(wᵢ·xᵣ + bᵢ)
//! trace of a key     = Σ over classes c and waves i of sᵢc · weightsᵢc
//! ```
//!
//! A residual is what a suspect says less what the model says, centred over the classes as the noise is. The weights
//! are what the residuals are made of, as far as they are made of the model's waves: for the key whose answers were
//! copied they have its signs. They are the same for every key, so that trying one more costs no more than its
//! signs. For a key whose answers were not copied, the trace has mean 0 by the draw of its signs.

use strongroom_seal::secret::ApiKeyDigest;
use strongroom_seal::tensor::Tensor;

use super::Field;
use crate::limits::{MAX_NOISE_OUTPUTS, NOISE_TERMS};

/// How far weights are shrunk: right where two thirds of the residuals' variance are the copy's own errors.
const RIDGE: f64 = NOISE_TERMS as f64;

/// Steps towards the weights. Each is a multiplication of `NOISE_TERMS²`.
const STEPS: usize = 200;

/// Residuals of a suspect, seen through the waves of one model.
pub struct Trace<'a> {
    field: &'a Field,
    classes: usize,
    /// Products of each two waves, summed over rows.
    products: Vec<f64>,
    /// Products of residuals and waves: `NOISE_TERMS` for each class.
    sums: Vec<f64>,
}

/// What the residuals are made of.
pub struct Weights<'a> {
    field: &'a Field,
    classes: usize,
    weights: Vec<f64>,
}

impl<'a> Trace<'a> {
    /// Begins with no rows. [`None`] where there are too few classes to differ, or too many for any noise.
    #[must_use]
    pub fn new(field: &'a Field, classes: usize) -> Option<Self> {
        let fits = (2..=MAX_NOISE_OUTPUTS).contains(&classes);
        let products = vec![0.0; NOISE_TERMS * NOISE_TERMS];
        fits.then(|| Self { field, classes, products, sums: vec![0.0; classes * NOISE_TERMS] })
    }

    /// Takes the residuals of rows, a group of one value for each class a row. Returns whether they fit the inputs.
    #[must_use]
    pub fn add(&mut self, inputs: &[Tensor<'_>], residuals: &[f64]) -> bool {
        let Some(cosines) = self.field.cosines(inputs) else { return false };
        if residuals.len() * NOISE_TERMS != cosines.len() * self.classes {
            return false;
        }
        let waves: Vec<f64> = cosines.iter().map(|cosine| f64::from(*cosine)).collect();
        for (row, waves) in residuals.chunks_exact(self.classes).zip(waves.chunks_exact(NOISE_TERMS)) {
            self.add_row(row, waves);
        }
        true
    }

    fn add_row(&mut self, residuals: &[f64], waves: &[f64]) {
        #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
        let mean = residuals.iter().sum::<f64>() / self.classes as f64;
        for (residual, sums) in residuals.iter().zip(self.sums.chunks_exact_mut(NOISE_TERMS)) {
            add_times(sums, residual - mean, waves);
        }
        for (wave, products) in waves.iter().zip(self.products.chunks_exact_mut(NOISE_TERMS)) {
            add_times(products, *wave, waves);
        }
    }

    /// What the residuals are made of.
    #[must_use]
    pub fn weights(&self) -> Weights<'a> {
        let weights = self.sums.chunks_exact(NOISE_TERMS).flat_map(|sums| self.solve(sums)).collect();
        Weights { field: self.field, classes: self.classes, weights }
    }

    /// Conjugate gradients (Hestenes, Stiefel, 1952): the matrix is symmetric, and positive by the ridge.
    fn solve(&self, sums: &[f64]) -> Vec<f64> {
        let mut found = vec![0.0; NOISE_TERMS];
        let (mut rest, mut direction) = (sums.to_vec(), sums.to_vec());
        let first = dot(&rest, &rest);
        let mut size = first;
        for _ in 0..STEPS {
            if size <= first * 1e-20 {
                break;
            }
            let image = self.times(&direction);
            let step = size / dot(&direction, &image);
            add_times(&mut found, step, &direction);
            add_times(&mut rest, -step, &image);
            let next = dot(&rest, &rest);
            direction.iter_mut().zip(&rest).for_each(|(to, rest)| *to = rest + next / size * *to);
            size = next;
        }
        found
    }

    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let rows = self.products.chunks_exact(NOISE_TERMS).zip(vector);
        rows.map(|(row, value)| dot(row, vector) + RIDGE * value).collect()
    }
}

impl Weights<'_> {
    /// The trace of one key. [`None`] where no key could be derived.
    #[must_use]
    pub fn of(&self, caller: &ApiKeyDigest) -> Option<f64> {
        let signs = self.field.signs(caller, self.classes)?;
        let bits = signs.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        Some(self.weights.iter().zip(bits).map(|(weight, plus)| if plus { *weight } else { -weight }).sum())
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_times(to: &mut [f64], factor: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += factor * what);
}
