//! The rows of one request as detectors see them: features, the class that the model chose, and how clearly.

use half::{bf16, f16};
use strongroom_seal::tensor::{DType, Tensor};

use crate::profile::{Decision, Profile, Space};

/// Rows of one request. No `Debug`: it is plaintext.
pub struct Rows {
    width: usize,
    features: Vec<f32>,
    /// Each feature to the bit; empty where an f32 holds it.
    bits: Vec<u64>,
    classes: Vec<usize>,
    margins: Vec<f32>,
}

/// Where rows are found.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The tensor of features.
    pub space: &'a Space,
    /// Features in a row.
    pub features: usize,
    /// The output that decides between classes, if one does.
    pub decision: Option<&'a Decision>,
    /// How many classes there are.
    pub classes: usize,
}

/// One of them.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Features, as many as the profile has.
    pub features: &'a [f32],
    /// Each to the bit; empty where an f32 holds it. They tell rows apart, and count nowhere else.
    pub bits: &'a [u64],
    /// The class that the model chose, by position.
    pub class: usize,
    /// Highest score less the second; absent without scores.
    pub margin: Option<f32>,
}

impl Rows {
    /// Takes rows of known features, classes and margins; `margins` may be empty. [`None`] when they do not fit.
    #[must_use]
    pub fn new(width: usize, features: Vec<f32>, classes: Vec<usize>, margins: Vec<f32>) -> Option<Self> {
        let fits = width > 0
            && features.len() == width.checked_mul(classes.len())?
            && (margins.is_empty() || margins.len() == classes.len());
        fits.then_some(Self { width, features, bits: Vec::new(), classes, margins })
    }

    /// Finds the rows of a request in its inputs and in what the model answered, before any treatment.
    ///
    /// [`None`] when they are not where the profile says: then nothing can be said of the request.
    #[must_use]
    pub fn find(profile: &Profile, inputs: &[Tensor<'_>], outputs: &[Tensor<'_>]) -> Option<Self> {
        let place = Place {
            space: &profile.space,
            features: profile.features,
            decision: profile.decision.as_ref(),
            classes: profile.classes.len(),
        };
        Self::locate(place, inputs, outputs)
    }

    /// The same before there is a profile.
    #[must_use]
    pub fn locate(place: Place<'_>, inputs: &[Tensor<'_>], outputs: &[Tensor<'_>]) -> Option<Self> {
        let (tensors, name) = match place.space {
            Space::Input(name) => (inputs, name),
            Space::Output(name) => (outputs, name),
        };
        let tensor = named(tensors, name)?;
        let features = numbers(tensor)?;
        if place.features == 0 || features.is_empty() || !features.len().is_multiple_of(place.features) {
            return None;
        }
        let rows = features.len() / place.features;
        let (classes, margins) = match place.decision {
            None => (vec![0; rows], Vec::new()),
            Some(decision) => decide(&numbers(named(outputs, &decision.scores)?)?, rows, place.classes)?,
        };
        let bits = bits(tensor);
        Self::new(place.features, features, classes, margins).map(|rows| Self { bits, ..rows })
    }

    /// Each row, in order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = self.features.chunks_exact(self.width).zip(&self.classes).enumerate();
        rows.map(|(at, (features, class))| Row {
            features,
            bits: self.bits(at),
            class: *class,
            margin: self.margins.get(at).copied(),
        })
    }

    /// The row at a position.
    #[must_use]
    pub fn row(&self, position: usize) -> Option<Row<'_>> {
        let start = position.checked_mul(self.width)?;
        let features = self.features.get(start..start.checked_add(self.width)?)?;
        let class = *self.classes.get(position)?;
        let (bits, margin) = (self.bits(position), self.margins.get(position).copied());
        Some(Row { features, bits, class, margin })
    }

    fn bits(&self, position: usize) -> &[u64] {
        self.bits.chunks_exact(self.width).nth(position).unwrap_or_default()
    }

    /// Features of each row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The class of each row, by position.
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

fn named<'a, 'b>(tensors: &'a [Tensor<'b>], name: &str) -> Option<&'a Tensor<'b>> {
    tensors.iter().find(|tensor| tensor.name == name)
}

/// The winner of each row and its lead. A single score decides between two classes, at one half.
fn decide(scores: &[f32], rows: usize, classes: usize) -> Option<(Vec<usize>, Vec<f32>)> {
    if rows == 0 || !scores.len().is_multiple_of(rows) {
        return None;
    }
    let width = scores.len() / rows;
    if width == 1 && classes == 2 {
        let class = |score: &f32| usize::from(*score > 0.5);
        return Some((
            scores.iter().map(class).collect(),
            scores.iter().map(|score| (2.0 * score - 1.0).abs()).collect(),
        ));
    }
    if width != classes || width < 2 {
        return None;
    }
    Some(scores.chunks_exact(width).map(winner).unzip())
}

fn winner(scores: &[f32]) -> (usize, f32) {
    let (mut at, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (position, score) in scores.iter().enumerate() {
        if *score > first {
            (at, second, first) = (position, first, *score);
        } else if *score > second {
            second = *score;
        }
    }
    let margin = first - second;
    (at, if margin.is_finite() { margin } else { 0.0 })
}

/// The elements of a tensor of numbers. What is larger than any f32 counts as the largest, what is no number as 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "detectors need no more than an f32 holds"
)]
fn numbers(tensor: &Tensor<'_>) -> Option<Vec<f32>> {
    let data = tensor.data.as_ref();
    Some(match tensor.dtype {
        DType::Fp32 => each(data, f32::from_le_bytes),
        DType::Fp64 => each(data, |bytes| f64::from_le_bytes(bytes) as f32),
        DType::Fp16 => each(data, |bytes| f16::from_le_bytes(bytes).into()),
        DType::Bf16 => each(data, |bytes| bf16::from_le_bytes(bytes).into()),
        DType::Bool | DType::Uint8 => each(data, |[byte]: [u8; 1]| byte.into()),
        DType::Int8 => each(data, |bytes| i8::from_le_bytes(bytes).into()),
        DType::Uint16 => each(data, |bytes| u16::from_le_bytes(bytes).into()),
        DType::Int16 => each(data, |bytes| i16::from_le_bytes(bytes).into()),
        DType::Uint32 => each(data, |bytes| u32::from_le_bytes(bytes) as f32),
        DType::Int32 => each(data, |bytes| i32::from_le_bytes(bytes) as f32),
        DType::Uint64 => each(data, |bytes| u64::from_le_bytes(bytes) as f32),
        DType::Int64 => each(data, |bytes| i64::from_le_bytes(bytes) as f32),
        DType::Bytes => return None,
    })
}

fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let value = |bytes: &[u8; N]| {
        let value = read(*bytes);
        if value.is_nan() { 0.0 } else { value.clamp(f32::MIN, f32::MAX) }
    };
    data.as_chunks::<N>().0.iter().map(value).collect()
}

/// The elements to the bit, where an f32 cannot hold them.
fn bits(tensor: &Tensor<'_>) -> Vec<u64> {
    let data = tensor.data.as_ref();
    match tensor.dtype {
        // The two zeros are one value.
        DType::Fp64 => whole(data, |bytes| (f64::from_le_bytes(bytes) + 0.0).to_bits()),
        DType::Uint64 | DType::Int64 => whole(data, u64::from_le_bytes),
        DType::Uint32 | DType::Int32 => whole(data, |bytes| u32::from_le_bytes(bytes).into()),
        _ => Vec::new(),
    }
}

fn whole<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> u64) -> Vec<u64> {
    data.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(dtype: DType, data: Vec<u8>) -> Rows {
        let space = Space::Input("x".to_owned());
        let place = Place { space: &space, features: 2, decision: None, classes: 1 };
        let tensor = Tensor { name: "x".into(), dtype, shape: vec![1, 2], data: data.into() };
        Rows::locate(place, &[tensor], &[]).unwrap()
    }

    #[test]
    fn values_that_an_f32_does_not_tell_apart_are_other_rows() {
        let doubles = |value: f64| located(DType::Fp64, [value, 3.0].map(f64::to_le_bytes).concat());
        let integers = |value: i64| located(DType::Int64, [value, 3].map(i64::to_le_bytes).concat());
        let short = |value: i32| located(DType::Int32, [value, 3].map(i32::to_le_bytes).concat());
        for (one, other) in [
            (doubles(0.1), doubles(0.1_f64.next_up())),
            (doubles(1e300), doubles(2e300)),
            (integers(1_700_000_000), integers(1_700_000_001)),
            (short(1_700_000_000), short(1_700_000_001)),
        ] {
            assert!(one.features == other.features && one.bits != other.bits);
            assert_eq!(one.row(0).unwrap().bits, one.bits);
        }
        assert_eq!(doubles(0.0).bits, doubles(-0.0).bits);
        assert_eq!(located(DType::Fp32, [0.1_f32, 3.0].map(f32::to_le_bytes).concat()).bits, []);
    }

    #[test]
    fn what_is_larger_than_an_f32_is_far_away_and_not_in_the_middle() {
        let doubles = |values: [f64; 2]| located(DType::Fp64, values.map(f64::to_le_bytes).concat()).features;
        assert_eq!(doubles([1e300, -1e300]), [f32::MAX, f32::MIN]);
        assert_eq!(doubles([f64::INFINITY, f64::NAN]), [f32::MAX, 0.0]);
    }

    #[test]
    fn the_winner_leads_by_its_margin() {
        assert_eq!(winner(&[0.1, 0.7, 0.2]), (1, 0.7 - 0.2));
        assert_eq!(winner(&[0.5, 0.5]), (0, 0.0));
        assert_eq!(decide(&[0.9, 0.1], 2, 2).unwrap().0, [1, 0], "one score of two classes");
        assert!(decide(&[0.9, 0.1, 0.3], 2, 2).is_none());
        assert!(decide(&[0.9], 0, 2).is_none());
    }

    #[test]
    fn rows_of_other_lengths_are_none() {
        assert!(Rows::new(2, vec![1.0; 4], vec![0, 1], vec![]).is_some());
        assert!(Rows::new(2, vec![1.0; 3], vec![0, 1], vec![]).is_none());
        assert!(Rows::new(2, vec![1.0; 4], vec![0, 1], vec![0.5]).is_none());
        assert!(Rows::new(0, vec![], vec![], vec![]).is_none());
    }
}
