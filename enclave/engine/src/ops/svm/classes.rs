//! From the kernel's values to a label and scores: every two classes are compared, and votes are counted.
//!
//! | | scores | label |
//! |---|---|---|
//! | two classes | minus the comparison, and the comparison | the first where the comparison is above zero |
//! | more | the comparison of every two | the first with most votes |
//! | with probabilities | those of libsvm, found step by step | as without |

use tract_onnx::tract_hir::internal::*;

use super::super::attributes::Attributes;
use super::super::finish::Labels;
use super::super::post::logistic;
use super::kernel::dot;
use crate::limits::MAX_SVM_CLASSES;

/// How near to none or all a probability of one of two classes comes.
const EDGE: f32 = 1e-7;

/// Steps towards the probabilities, after which they are taken as they are; libsvm's number.
const MIN_STEPS: usize = 100;

#[derive(Debug)]
pub(super) struct Classes {
    labels: Labels,
    comparisons: Vec<Comparison>,
    probabilities: bool,
}

/// One class against another, later one.
#[derive(Debug)]
struct Comparison {
    classes: [usize; 2],
    /// Where each class's support vectors are, and their coefficients.
    sides: [(std::ops::Range<usize>, Vec<f32>); 2],
    rho: f32,
    /// Of the sigmoid that makes a probability of it.
    sigmoid: [f32; 2],
}

impl Classes {
    pub(super) fn read(attributes: &Attributes<'_>, vectors: usize) -> TractResult<Self> {
        let labels = Labels::read(attributes, "classlabels_ints")?;
        let (count, counts) = (labels.len(), attributes.ints("vectors_per_class"));
        ensure!(
            count <= MAX_SVM_CLASSES && counts.len() == count,
            "a classifier has too many classes, or not a number of support vectors for each"
        );
        let [coefficients, rho, a, b] =
            ["coefficients", "rho", "prob_a", "prob_b"].map(|name| attributes.floats(name));
        let pairs = count * (count - 1) / 2;
        ensure!(
            coefficients.len() == (count - 1).saturating_mul(vectors)
                && rho.len() == pairs
                && a.len() == b.len()
                && (a.is_empty() || a.len() == pairs),
            "a classifier has not as many coefficients, or numbers for every two classes, as it needs"
        );
        let probabilities = !a.is_empty();
        ensure!(
            count > 2 || probabilities || coefficients.iter().any(|coefficient| *coefficient < 0.0),
            "two classes without a negative coefficient"
        );
        let ranges = ranges(counts)?;
        let own = |class: usize, row: usize| {
            let range = ranges.get(class)?.clone();
            let own = coefficients.get(row * vectors..(row + 1) * vectors)?.get(range.clone())?;
            Some((range, own.to_vec()))
        };
        let mut comparisons = Vec::with_capacity(pairs);
        for (first, second) in
            (0..count).flat_map(|first| (first + 1..count).map(move |second| (first, second)))
        {
            let number = comparisons.len();
            let at = |list: &[f32]| list.get(number).copied().unwrap_or_default();
            let sides = own(first, second - 1).zip(own(second, first)).context("no such support vectors")?;
            comparisons.push(Comparison {
                classes: [first, second],
                sides: sides.into(),
                rho: at(rho),
                sigmoid: [at(a), at(b)],
            });
        }
        Ok(Self { labels, comparisons, probabilities })
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How many scores a row has.
    pub(super) fn scores(&self) -> usize {
        match (self.probabilities, self.comparisons.len()) {
            (false, 1) => 2,
            (false, comparisons) => comparisons,
            (true, _) => self.labels.len(),
        }
    }

    /// Adds the scores of a row, and says which label it gets.
    pub(super) fn decide(&self, values: &[f32], scores: &mut Vec<f32>) -> usize {
        let compared: Vec<f32> = self.comparisons.iter().map(|comparison| comparison.of(values)).collect();
        let mut votes = vec![0_u32; self.labels.len()];
        for (comparison, score) in self.comparisons.iter().zip(&compared) {
            let [first, second] = comparison.classes;
            if let Some(votes) = votes.get_mut(if *score > 0.0 { first } else { second }) {
                *votes += 1;
            }
        }
        match compared.as_slice() {
            all if self.probabilities => scores.extend(self.probabilities_of(all)),
            [one] => scores.extend([-one, *one]),
            all => scores.extend(all),
        }
        first_largest(&votes)
    }

    fn probabilities_of(&self, compared: &[f32]) -> Vec<f32> {
        let count = self.labels.len();
        let mut pairs = vec![vec![0.0; count]; count];
        for (comparison, score) in self.comparisons.iter().zip(compared) {
            let ([first, second], [a, b]) = (comparison.classes, comparison.sigmoid);
            let probability = (1.0 - logistic(score * a + b)).clamp(EDGE, 1.0 - EDGE);
            for (one, other, value) in [(first, second, probability), (second, first, 1.0 - probability)] {
                if let Some(cell) = pairs.get_mut(one).and_then(|row: &mut Vec<f32>| row.get_mut(other)) {
                    *cell = value;
                }
            }
        }
        couple(&pairs)
    }
}

impl Comparison {
    fn of(&self, values: &[f32]) -> f32 {
        let side = |(range, coefficients): &(std::ops::Range<usize>, Vec<f32>)| {
            dot(coefficients, values.get(range.clone()).unwrap_or_default())
        };
        let [first, second] = &self.sides;
        side(first) + side(second) + self.rho
    }
}

/// Where the support vectors of each class are, one class after the other.
fn ranges(counts: &[i64]) -> TractResult<Vec<std::ops::Range<usize>>> {
    let mut start = 0_usize;
    let range = |count: &i64| {
        let end = usize::try_from(*count).ok().and_then(|count| start.checked_add(count));
        let end = end.context("a class has less than no support vectors")?;
        Ok(std::mem::replace(&mut start, end)..end)
    };
    counts.iter().map(range).collect()
}

fn first_largest<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let mut largest: Option<(usize, T)> = None;
    for (place, value) in values.iter().enumerate() {
        if largest.is_none_or(|(_, largest)| *value > largest) {
            largest = Some((place, *value));
        }
    }
    largest.map_or(0, |(place, _)| place)
}

/// Probabilities of all classes from those of every two, as libsvm finds them (Wu, Lin and Weng 2004, algorithm 2).
fn couple(pairs: &[Vec<f32>]) -> Vec<f32> {
    let count = pairs.len();
    let pair =
        |one: usize, other: usize| pairs.get(one).and_then(|row| row.get(other)).copied().unwrap_or(0.0);
    let cell = |one: usize, other: usize| {
        if one == other {
            (0..count).filter(|class| *class != one).map(|class| pair(class, one) * pair(class, one)).sum()
        } else {
            -pair(other, one) * pair(one, other)
        }
    };
    let matrix: Vec<Vec<f32>> =
        (0..count).map(|one| (0..count).map(|other| cell(one, other)).collect()).collect();
    let mut found = vec![1.0 / count as f32; count];
    for _ in 0..MIN_STEPS.max(count) {
        let product = |row: &Vec<f32>| row.iter().zip(&found).map(|(x, y)| x * y).sum::<f32>();
        let mut products: Vec<f32> = matrix.iter().map(product).collect();
        let mut square: f32 = found.iter().zip(&products).map(|(x, y)| x * y).sum();
        let error = products.iter().map(|product| (product - square).abs()).fold(0.0, f32::max);
        if error < 0.005 / count as f32 {
            break;
        }
        for (class, row) in matrix.iter().enumerate() {
            let diagonal = row.get(class).copied().unwrap_or_default();
            let own = products.get(class).copied().unwrap_or_default();
            let step = (square - own) / diagonal;
            if let Some(probability) = found.get_mut(class) {
                *probability += step;
            }
            square = (square + step * (step * diagonal + 2.0 * own)) / (1.0 + step) / (1.0 + step);
            for ((product, probability), cell) in products.iter_mut().zip(&mut found).zip(row) {
                *product = (*product + step * cell) / (1.0 + step);
                *probability /= 1.0 + step;
            }
        }
    }
    found
}
