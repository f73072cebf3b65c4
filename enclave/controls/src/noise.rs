//! Keyed smooth noise: a function of the input that is the same whenever the same key asks, differs from key to
//! key, and changes over the model's own lengthscale.
//!
//! ```text
//! noise of value c at x = amplitude · √(2/m) · Σᵢ sᵢc · cos(wᵢ·x + bᵢ),  i = 1 … m = 256
//! wᵢ normal with deviation 1/lengthscale per feature, bᵢ uniform in 0 … 2π: by HKDF(model key)
//! sᵢc = ±1: by HKDF(model key, API key)
//! ```
//!
//! Scores of one row get noise that sums to nothing over the classes, so that no class's noise can be told from
//! another's share of it; and value c gets the same noise in every output, so that comparing two outputs of the
//! same scores gains nothing.
//!
//! The sum is a random Fourier field (Rahimi, Recht, NIPS 2007): at any one input it is normal with the stated
//! deviation, and nearby inputs get nearly the same noise. So averaging over jittered copies of an input leaves
//! it in place, where noise drawn from a hash of the input would average away.

mod stream;
mod trace;

use std::f64::consts::TAU;

use strongroom_attestation::release::Treatment;
use strongroom_seal::model::{Dim, Interface, Schema};
use strongroom_seal::secret::{ApiKeyDigest, FieldKey};
use strongroom_seal::tensor::Tensor;

use crate::floats;
use crate::limits::{MAX_NOISE_FEATURE, MAX_NOISE_FEATURES, MAX_NOISE_OUTPUTS, NOISE_TERMS};
use stream::Stream;

pub use trace::{Trace, Weights};

/// The waves of one model, made once when it is loaded.
pub struct Field {
    key: FieldKey,
    /// Inputs that count, and how many features each has.
    inputs: Vec<(String, usize)>,
    features: usize,
    /// `NOISE_TERMS` rows of `features`, each already divided by the lengthscale.
    waves: Vec<f32>,
    phases: Vec<f32>,
}

/// What one key gets: the field at the rows of one request, seen through that key's signs.
pub struct Keyed<'a> {
    field: &'a Field,
    caller: &'a ApiKeyDigest,
    /// Rows of `NOISE_TERMS` cosines.
    cosines: Vec<f32>,
    amplitude: f64,
}

/// Why a model gets no noise. The owner's command says so before a release is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoField {
    /// No input has a lengthscale.
    #[error("no input of the model has a lengthscale")]
    NoLengthscale,
    /// An input's features are not a fixed number, or too many.
    #[error("the features of an input with a lengthscale are not a fixed number, or too many")]
    Features,
    /// A key could not be derived.
    #[error("no key")]
    Key,
}

impl Field {
    /// Draws the waves of a model from its own key.
    ///
    /// # Errors
    /// See [`NoField`].
    pub fn new(key: FieldKey, interface: &Interface, schema: &Schema) -> Result<Self, NoField> {
        let mut inputs = Vec::new();
        let mut scales: Vec<f64> = Vec::new();
        for spec in &interface.inputs {
            let Some(rule) = schema.inputs.get(&spec.name).filter(|rule| !rule.lengthscale.is_empty()) else {
                continue;
            };
            let features = features(&spec.shape).ok_or(NoField::Features)?;
            let last = match spec.shape.last() {
                Some(Dim::Fixed(last)) => usize::try_from(*last).map_err(|_| NoField::Features)?,
                _ => 1,
            };
            let scale = |at: usize| match rule.lengthscale.as_slice() {
                [all] => Some(*all),
                each => each.get(at % last.max(1)).copied(),
            };
            scales.extend((0..features).map(scale).collect::<Option<Vec<_>>>().ok_or(NoField::Features)?);
            inputs.push((spec.name.clone(), features));
        }
        if inputs.is_empty() {
            return Err(NoField::NoLengthscale);
        }
        if scales.len() > MAX_NOISE_FEATURES {
            return Err(NoField::Features);
        }
        let mut stream =
            Stream::new(&key.seed(b"waves").map_err(|_| NoField::Key)?).map_err(|_| NoField::Key)?;
        let mut waves = Vec::with_capacity(NOISE_TERMS * scales.len());
        for _ in 0..NOISE_TERMS {
            waves.extend(scales.iter().map(|scale| narrow(stream.normal() / scale)));
        }
        let phases = (0..NOISE_TERMS).map(|_| narrow(TAU * stream.uniform())).collect();
        Ok(Self { key, inputs, features: scales.len(), waves, phases })
    }

    /// Bytes that the field takes at the rows of a request, about. Nobody need have looked at its tensors yet.
    #[must_use]
    pub fn held(&self, inputs: &[Tensor<'_>]) -> u64 {
        let (mut rows, mut values) = (0, 0);
        for (name, features) in &self.inputs {
            let input = inputs.iter().find(|input| input.name == *name);
            let elements = input.map_or(0, floats::most);
            rows = rows.max(elements / (*features).max(1));
            values = elements.saturating_add(values);
        }
        let bytes = rows.saturating_mul(NOISE_TERMS * size_of::<f32>());
        bytes.saturating_add(values.saturating_mul(size_of::<f64>())) as u64
    }

    /// The field at the rows of a request, for one key. `None` where the treatment adds no noise.
    #[must_use]
    pub fn keyed<'a>(
        &'a self,
        caller: &'a ApiKeyDigest,
        inputs: &[Tensor<'_>],
        treatment: &Treatment,
    ) -> Option<Keyed<'a>> {
        let amplitude = treatment.noise?;
        Some(Keyed { field: self, caller, cosines: self.cosines(inputs)?, amplitude })
    }

    /// The waves at the rows of a request: `NOISE_TERMS` cosines a row.
    fn cosines(&self, inputs: &[Tensor<'_>]) -> Option<Vec<f32>> {
        let columns: Vec<Vec<f64>> = self
            .inputs
            .iter()
            .map(|(name, _)| inputs.iter().find(|input| input.name == *name).and_then(floats::read))
            .collect::<Option<_>>()?;
        let rows =
            columns.iter().zip(&self.inputs).map(|(values, (_, n))| values.len() / (*n).max(1)).max()?;
        let mut cosines = Vec::with_capacity(rows * NOISE_TERMS);
        let mut row = vec![0.0_f32; self.features];
        for at in 0..rows {
            self.gather(&columns, at, &mut row);
            let waves = self.waves.chunks_exact(self.features.max(1));
            cosines.extend(waves.zip(&self.phases).map(|(wave, phase)| (dot(wave, &row) + phase).cos()));
        }
        Some(cosines)
    }

    /// The signs of one key: `NOISE_TERMS` bits for each of `width` values.
    fn signs(&self, caller: &ApiKeyDigest, width: usize) -> Option<Vec<u8>> {
        let purpose = [b"signs ", caller.as_bytes().as_slice()].concat();
        let stream = Stream::new(&self.key.seed(&purpose).ok()?).ok()?;
        Some(stream.bytes(width * NOISE_TERMS / 8))
    }

    /// One row over all inputs. A value that is no number counts as 0, one far away as no farther than a bound.
    fn gather(&self, columns: &[Vec<f64>], at: usize, row: &mut [f32]) {
        let values = columns.iter().zip(&self.inputs).flat_map(|(values, (_, features))| {
            let start = at * features;
            (0..*features).map(move |feature| values.get(start + feature).copied().unwrap_or(0.0))
        });
        for (to, value) in row.iter_mut().zip(values) {
            let finite = if value.is_nan() { 0.0 } else { value };
            *to = narrow(finite.clamp(-MAX_NOISE_FEATURE, MAX_NOISE_FEATURE));
        }
    }
}

impl Keyed<'_> {
    /// Adds the noise of each row to its `width` values, without what it has in common over each group of `classes`.
    ///
    /// Returns whether it could, as where an output is too wide for any noise.
    #[must_use]
    pub fn add_between(&self, classes: usize, width: usize, values: &mut [f64]) -> bool {
        let mut noise = vec![0.0; values.len()];
        if classes < 2 || !self.add(width, &mut noise) {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
        let count = classes as f64;
        // What is left has the stated deviation again.
        let scale = (count / (count - 1.0)).sqrt();
        for (noise, values) in noise.chunks_exact(classes).zip(values.chunks_exact_mut(classes)) {
            let mean = noise.iter().sum::<f64>() / count;
            values.iter_mut().zip(noise).for_each(|(value, noise)| *value += scale * (noise - mean));
        }
        true
    }

    /// Adds the noise of each row to values of an output that has `width` of them a row.
    ///
    /// Returns whether it could; a wider output than any noise is for is left alone, and then not released.
    pub(crate) fn add(&self, width: usize, values: &mut [f64]) -> bool {
        let rows = self.cosines.len() / NOISE_TERMS;
        if width == 0 || width > MAX_NOISE_OUTPUTS || rows == 0 || values.len() != rows * width {
            return false;
        }
        let Some(signs) = self.field.signs(self.caller, width) else { return false };
        let scale = self.amplitude * (2.0 / NOISE_TERMS as f64).sqrt();
        let rows = self.cosines.chunks_exact(NOISE_TERMS).zip(values.chunks_exact_mut(width));
        for (cosines, values) in rows {
            for (value, signs) in values.iter_mut().zip(signs.chunks_exact(NOISE_TERMS / 8)) {
                *value += scale * f64::from(signed_sum(cosines, signs));
            }
        }
        true
    }
}

/// Features of one row, where the first dimension counts rows and the others are fixed. A lone fixed dimension
/// counts no rows.
fn features(shape: &[Dim]) -> Option<usize> {
    let (first, rest) = shape.split_first()?;
    if rest.is_empty() && matches!(first, Dim::Fixed(_)) {
        return None;
    }
    let fixed = |dim: &Dim| match dim {
        Dim::Fixed(fixed) => usize::try_from(*fixed).ok(),
        Dim::Symbol(_) => None,
    };
    rest.iter().map(fixed).try_fold(1_usize, |product, dim| product.checked_mul(dim?))
}

fn dot(wave: &[f32], row: &[f32]) -> f32 {
    // Eight sums beside each other, so that the compiler can keep them in one register.
    let mut sums = [0.0_f32; 8];
    let (waves, rest) = wave.as_chunks::<8>();
    let (rows, rest_of_row) = row.as_chunks::<8>();
    for (wave, row) in waves.iter().zip(rows) {
        for ((sum, a), b) in sums.iter_mut().zip(wave).zip(row) {
            *sum += a * b;
        }
    }
    let tail: f32 = rest.iter().zip(rest_of_row).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
}

/// The sum of the cosines, each with the sign that its bit says.
fn signed_sum(cosines: &[f32], signs: &[u8]) -> f32 {
    let mut sum = 0.0;
    for (eight, bits) in cosines.as_chunks::<8>().0.iter().zip(signs) {
        for (bit, cosine) in eight.iter().enumerate() {
            sum += if bits >> bit & 1 == 1 { *cosine } else { -*cosine };
        }
    }
    sum
}

#[expect(clippy::cast_possible_truncation, reason = "noise needs no more than an f32 holds")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
