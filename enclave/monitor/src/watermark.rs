//! A watermark by wrong answers: a small share of inputs, chosen by a key, always gets another class than the model's.
//! Who copies the model by its answers copies those as well, and the owner can tell (DAWN: Szyller, Atli, Marchal,
//! Asokan, 2021).
//!
//! ```text
//! cell of a row = ⌊(x − centre)/scale/CELL_WIDTH + shift⌋ for each feature
//! mac = HMAC-SHA256(HKDF(watermark key, "flips"), cell);  flipped where its first 64 bits lie below the share
//! ```
//!
//! A cell is flipped or not, so a repeated row gets the same answer, and so does a jittered copy that stays in its
//! cell. The shift of the grid comes from the key: nobody else knows where cells end. Rows that are unlike the
//! training data can be answered wrong in the same way, from another key, where a policy asks for that.

use half::{bf16, f16};
use ring::hmac::{HMAC_SHA256, Key, sign};
use strongroom_seal::secret::{NoKey, WatermarkKey};
use strongroom_seal::tensor::{DType, Tensor, push_string, strings};

use crate::limits::CELL_WIDTH;
use crate::profile::{Decision, Labels, Profile};
use crate::rows::Rows;

/// The watermark of one model. No `Debug`: it is secret.
pub struct Flips {
    flips: Key,
    unlike: Key,
    /// Macs whose first 64 bits lie below it flip.
    below: u64,
    classes: usize,
    grid: Vec<Axis>,
}

/// How one feature is cut into cells.
struct Axis {
    centre: f32,
    /// Width of a cell, in the feature's own unit.
    width: f32,
    /// Part of a cell by which the grid is moved, 0 to 1.
    shift: f32,
}

impl Flips {
    /// The watermark of a model whose flips are `share` of all cells; 0 for none, where rows are misinformed alone.
    ///
    /// # Errors
    /// [`NoKey`], which the lengths in use do not cause.
    pub fn new(key: &WatermarkKey, share: f64, profile: &Profile) -> Result<Self, NoKey> {
        let purpose = |purpose: &[u8]| Ok(Key::new(HMAC_SHA256, &key.seed(purpose)?));
        let shifts = purpose(b"grid")?;
        let axis = |(at, (centre, scale)): (usize, (&f32, &f32))| {
            let [first, ..] = words(&shifts, &(at as u64).to_le_bytes());
            Axis { centre: *centre, width: CELL_WIDTH * scale, shift: part(first) }
        };
        let grid = profile.centre.iter().zip(&profile.scale).enumerate().map(axis).collect();
        let classes = profile.classes.len();
        Ok(Self {
            flips: purpose(b"flips")?,
            unlike: purpose(b"unlike")?,
            below: bound(share),
            classes,
            grid,
        })
    }

    /// The class that a row gets in place of `class`; [`None`] for the rows that are not flipped.
    #[must_use]
    pub fn target(&self, features: &[f32], class: usize) -> Option<usize> {
        let [first, second] = words(&self.flips, &self.cell(features));
        if first < self.below { other(class, self.classes, second) } else { None }
    }

    /// The class that a row would get in place of `class` if its cell were flipped, whether it is or not: what the
    /// flipped rows are compared against.
    #[must_use]
    pub fn alternative(&self, features: &[f32], class: usize) -> Option<usize> {
        let [_, second] = words(&self.flips, &self.cell(features));
        other(class, self.classes, second)
    }

    /// Answers flipped rows with their other class, in the scores and in the label. Returns how many.
    ///
    /// Outputs beside those two are left alone: where they tell the class too, they must not be released.
    #[must_use]
    pub fn apply(&self, rows: &Rows, outputs: &mut [Tensor<'_>], profile: &Profile) -> usize {
        let target = |(at, row): (usize, crate::rows::Row<'_>)| {
            Some(Change { at, from: row.class, to: self.target(row.features, row.class)? })
        };
        let changes: Vec<Change> = rows.iter().enumerate().filter_map(target).collect();
        change(&changes, rows.len(), outputs, profile)
    }

    /// Answers the rows at `unlike`, rising positions, with another class, always the same one for a cell. Returns how
    /// many. Rows that [`Self::apply`] flips are left as that left them.
    #[must_use]
    pub fn misinform(
        &self,
        rows: &Rows,
        unlike: &[usize],
        outputs: &mut [Tensor<'_>],
        profile: &Profile,
    ) -> usize {
        let target = |(at, row): (usize, crate::rows::Row<'_>)| {
            if unlike.binary_search(&at).is_err() || self.target(row.features, row.class).is_some() {
                return None;
            }
            let [_, second] = words(&self.unlike, &self.cell(row.features));
            Some(Change { at, from: row.class, to: other(row.class, self.classes, second)? })
        };
        let changes: Vec<Change> = rows.iter().enumerate().filter_map(target).collect();
        change(&changes, rows.len(), outputs, profile)
    }

    /// The cell of a row: rows of one cell are flipped together, and count as one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a cell past the ends of an i32 is the last one")]
    pub fn cell(&self, features: &[f32]) -> Vec<u8> {
        let cell = |(value, axis): (&f32, &Axis)| {
            (((value - axis.centre) / axis.width + axis.shift).floor() as i32).to_le_bytes()
        };
        features.iter().zip(&self.grid).flat_map(cell).collect()
    }
}

/// One row that gets another class.
struct Change {
    at: usize,
    from: usize,
    to: usize,
}

/// The first two words of a mac.
fn words(key: &Key, message: &[u8]) -> [u64; 2] {
    let mac = sign(key, message);
    let mut words = mac.as_ref().as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    [words.next().unwrap_or(u64::MAX), words.next().unwrap_or_default()]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of all 64-bit numbers, to 53 bits"
)]
fn bound(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * u64::MAX as f64) as u64
}

#[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32")]
fn part(word: u64) -> f32 {
    (word >> 40) as f32 / (1_u64 << 24) as f32
}

/// A class other than `class`, each as likely.
fn other(class: usize, classes: usize, word: u64) -> Option<usize> {
    let others = classes.checked_sub(1).filter(|others| *others > 0 && class < classes)? as u64;
    let step = usize::try_from(word % others).ok()?;
    Some((class + 1 + step) % classes)
}

/// Makes the changes, in scores and label, or none where the outputs are not as the profile says: a label must never
/// contradict the scores.
fn change(changes: &[Change], rows: usize, outputs: &mut [Tensor<'_>], profile: &Profile) -> usize {
    let Some(decision) = &profile.decision else { return 0 };
    let place = |name: &str| outputs.iter().position(|output| output.name == name);
    let label = decision.label.as_ref().and_then(|labels| Some((labels, place(&labels.output)?)));
    let label = match label {
        None => None,
        Some((labels, at)) => {
            let written = outputs.get(at).and_then(|output| relabelled(changes, rows, labels, output));
            let Some(written) = written else { return 0 };
            Some((at, written))
        }
    };
    let made = changes.iter().filter(|change| swap(change, rows, decision, outputs).is_some()).count();
    if let Some((at, written)) = label.filter(|_| made == changes.len())
        && let Some(output) = outputs.get_mut(at)
    {
        output.data = written.into();
    }
    made
}

/// Exchanges the scores of two classes in one row.
fn swap(change: &Change, rows: usize, decision: &Decision, outputs: &mut [Tensor<'_>]) -> Option<()> {
    let scores = outputs.iter_mut().find(|output| output.name == decision.scores)?;
    let (dtype, bytes) = (scores.dtype, scores.dtype.element_bytes()?);
    let row_bytes = scores.data.len().checked_div(rows)?;
    let row = scores.data.to_mut().get_mut(change.at * row_bytes..(change.at + 1) * row_bytes)?;
    if row_bytes == bytes {
        return reflect(dtype, row);
    }
    let (low, high) = (change.from.min(change.to), change.from.max(change.to));
    let (left, right) = row.split_at_mut_checked(high * bytes)?;
    let left = left.get_mut(low * bytes..(low + 1) * bytes)?;
    left.swap_with_slice(right.get_mut(..bytes)?);
    Some(())
}

/// A single score of two classes becomes the other's.
fn reflect(dtype: DType, element: &mut [u8]) -> Option<()> {
    match dtype {
        DType::Fp32 => rewrite(element, |bytes| (1.0 - f32::from_le_bytes(bytes)).to_le_bytes()),
        DType::Fp64 => rewrite(element, |bytes| (1.0 - f64::from_le_bytes(bytes)).to_le_bytes()),
        DType::Fp16 => {
            rewrite(element, |bytes| f16::from_f32(1.0 - f16::from_le_bytes(bytes).to_f32()).to_le_bytes())
        }
        DType::Bf16 => {
            rewrite(element, |bytes| bf16::from_f32(1.0 - bf16::from_le_bytes(bytes).to_f32()).to_le_bytes())
        }
        _ => None,
    }
}

fn rewrite<const N: usize>(element: &mut [u8], write: impl Fn([u8; N]) -> [u8; N]) -> Option<()> {
    let bytes: [u8; N] = (&*element).try_into().ok()?;
    element.copy_from_slice(&write(bytes));
    Some(())
}

/// The elements of the label output with those of the changed rows rewritten.
fn relabelled(changes: &[Change], rows: usize, labels: &Labels, output: &Tensor<'_>) -> Option<Vec<u8>> {
    let Some(bytes) = output.dtype.element_bytes() else {
        let mut elements: Vec<&[u8]> = strings(&output.data).collect::<Result<_, _>>().ok()?;
        for change in changes {
            *elements.get_mut(change.at)? = labels.values.get(change.to)?;
        }
        let mut data = Vec::with_capacity(output.data.len());
        elements.iter().try_for_each(|element| push_string(&mut data, element)).ok()?;
        return (elements.len() == rows).then_some(data);
    };
    let mut data = output.data.to_vec();
    if data.len() != rows.checked_mul(bytes)? {
        return None;
    }
    for change in changes {
        let value = labels.values.get(change.to).filter(|value| value.len() == bytes)?;
        data.get_mut(change.at * bytes..(change.at + 1) * bytes)?.copy_from_slice(value);
    }
    Some(data)
}

#[cfg(test)]
mod tests;
