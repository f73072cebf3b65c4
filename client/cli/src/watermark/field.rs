//! The noise of one API key, and whether a suspect learnt it.
//!
//! Each given key's trace is measured against those of keys that never were: the null has their mean and deviation,
//! so that whatever all traces have in common accuses nobody.

use ring::hmac::{HMAC_SHA256, Key, sign};
use serde::Serialize;
use strongroom_controls::noise::Weights;
use strongroom_seal::secret::ApiKeyDigest;

use super::statistics::{count, moments, student_tail};

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Found {
    /// Each given key, the largest trace first.
    pub(crate) keys: Vec<KeyFound>,
    /// Keys that never were, which the null was made from.
    pub(crate) decoys: usize,
    /// The largest of their traces, in deviations from their mean.
    pub(crate) largest_decoy: f64,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct KeyFound {
    /// SHA-256 of the key, in hexadecimal.
    pub(crate) sha256: String,
    /// Its trace, in deviations of the decoys from their mean.
    pub(crate) z: f64,
    /// Natural logarithm of the p-value, times the number of given keys (Bonferroni).
    pub(crate) ln_p: f64,
}

/// Share of residuals that may be flips or errors of the suspect, far larger than any noise.
const WILD: f64 = 0.1;

/// How many times larger than the others a residual may count.
const TAMED: f64 = 3.0;

/// Cuts residuals that noise does not explain: a flipped row would drown the noise of a hundred others.
pub(crate) fn tame(residuals: &mut [f64]) {
    let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the list, between 0 and its length"
    )]
    let place = (count(sizes.len() as u64) * (1.0 - WILD)) as usize;
    let Some(ordinary) = sizes.get(place) else { return };
    let most = TAMED * ordinary;
    residuals.iter_mut().for_each(|residual| *residual = residual.clamp(-most, most));
}

/// Measures the traces of the given keys. [`None`] without keys, or where nothing varies.
pub(crate) fn judge(
    weights: &Weights<'_>,
    keys: &[ApiKeyDigest],
    decoys: usize,
    seed: &[u8; 32],
) -> Option<Found> {
    let seed = Key::new(HMAC_SHA256, seed);
    let decoy = |number: u64| {
        let mut digest = [0; 32];
        digest.copy_from_slice(sign(&seed, &number.to_le_bytes()).as_ref());
        weights.of(&ApiKeyDigest::new(digest))
    };
    let null = (0..decoys as u64).map(decoy).collect::<Option<Vec<f64>>>()?;
    let (mean, deviation) = moments(&null);
    if keys.is_empty() || deviation <= 0.0 {
        return None;
    }
    let z = |trace: f64| (trace - mean) / deviation;
    let n = count(decoys as u64);
    let one = |key: &ApiKeyDigest| {
        let z = z(weights.of(key)?);
        // Mean and deviation come from the decoys alone: a new draw has Student's distribution.
        let ln_p = student_tail(z / (1.0 + 1.0 / n).sqrt(), n - 1.0) + count(keys.len() as u64).ln();
        Some(KeyFound { sha256: hex::encode(key.as_bytes()), z, ln_p: ln_p.min(0.0) })
    };
    let mut found = keys.iter().map(one).collect::<Option<Vec<_>>>()?;
    found.sort_by(|a, b| b.z.total_cmp(&a.z));
    let largest_decoy = null.iter().map(|trace| z(*trace)).fold(f64::NEG_INFINITY, f64::max);
    Some(Found { keys: found, decoys, largest_decoy })
}
