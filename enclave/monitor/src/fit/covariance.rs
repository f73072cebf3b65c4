//! Class means, and the covariance that classes share.
//!
//! All of it in units of each feature's deviation, so that features of any size are told alike. The covariance is
//! shrunk by [`SHRINKAGE`] towards its own diagonal, and each feature keeps a variance of [`FLOOR`] at least: with
//! both, constant features, copies of a feature and one-hot groups that add up to one leave it invertible.

use super::FitError;
use super::moments::Moments;
use crate::rows::Rows;

/// Share of each covariance that is taken away.
const SHRINKAGE: f64 = 0.01;

/// Least variance of a feature within classes, in units of its variance over all rows.
const FLOOR: f64 = 1e-4;

/// Multiplications that the sum of products may take; of more rows, evenly spaced ones count.
const MAX_PRODUCTS: usize = 4_000_000_000;

/// Means and whitening as a profile keeps them.
pub(super) struct Shape {
    /// Of each class; that of all rows where a class has none.
    pub(super) means: Vec<Vec<f32>>,
    pub(super) whitening: Vec<f32>,
}

/// Lower triangle of a symmetric matrix: line i has i + 1 entries.
type Triangle = Vec<Vec<f64>>;

impl Shape {
    pub(super) fn of(
        rows: &Rows,
        labels: &[usize],
        classes: usize,
        moments: &Moments,
    ) -> Result<Self, FitError> {
        let means = means(rows, labels, classes, &moments.centre);
        let covariance = covariance(rows, labels, &means, &moments.scale);
        let inverse = cholesky(&covariance).and_then(|factor| inverse(&factor)).ok_or(FitError::Singular)?;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be finite")]
        let whitening: Vec<f32> = inverse
            .iter()
            .flat_map(|line| line.iter().zip(&moments.scale))
            .map(|(value, scale)| (value / f64::from(*scale)) as f32)
            .collect();
        if !whitening.iter().all(|value| value.is_finite()) {
            return Err(FitError::Singular);
        }
        Ok(Self { means, whitening })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "features are f32 already")]
fn means(rows: &Rows, labels: &[usize], classes: usize, centre: &[f32]) -> Vec<Vec<f32>> {
    let mut sums = vec![(0.0_f64, vec![0.0_f64; rows.width()]); classes];
    for (position, row) in super::fitted(rows) {
        let Some((count, sums)) = labels.get(position).and_then(|class| sums.get_mut(*class)) else {
            continue;
        };
        *count += 1.0;
        sums.iter_mut().zip(row.features).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let mean = |(count, sums): (f64, Vec<f64>)| {
        if count == 0.0 {
            return centre.to_vec();
        }
        sums.iter().map(|sum| (sum / count) as f32).collect()
    };
    sums.into_iter().map(mean).collect()
}

/// Covariance around class means in units of `scale`, shrunk and with its floor.
fn covariance(rows: &Rows, labels: &[usize], means: &[Vec<f32>], scale: &[f32]) -> Triangle {
    let width = rows.width();
    let most = MAX_PRODUCTS / (width * (width + 1) / 2).max(1);
    let step = (rows.len() / most.max(1)).max(1);
    let mut sums: Triangle = (1..=width).map(|length| vec![0.0; length]).collect();
    let (mut count, mut deviations) = (0.0_f64, vec![0.0; width]);
    for (position, row) in super::fitted(rows).step_by(step) {
        let Some(mean) = labels.get(position).and_then(|class| means.get(*class)) else { continue };
        let centred = row.features.iter().zip(mean).zip(scale);
        for (deviation, ((value, mean), scale)) in deviations.iter_mut().zip(centred) {
            *deviation = (f64::from(*value) - f64::from(*mean)) / f64::from(*scale);
        }
        for (line, one) in sums.iter_mut().zip(&deviations) {
            line.iter_mut().zip(&deviations).for_each(|(sum, other)| *sum += one * other);
        }
        count += 1.0;
    }
    for line in &mut sums {
        line.iter_mut().for_each(|sum| *sum *= (1.0 - SHRINKAGE) / count.max(1.0));
        if let Some(variance) = line.last_mut() {
            *variance = (*variance / (1.0 - SHRINKAGE)).max(FLOOR);
        }
    }
    sums
}

/// Lower triangle L with L·Lᵀ = `matrix` (Cholesky), if there is one.
fn cholesky(matrix: &Triangle) -> Option<Triangle> {
    let mut factor: Triangle = Vec::with_capacity(matrix.len());
    for line in matrix {
        let (variance, entries) = line.split_last()?;
        let mut row = Vec::with_capacity(line.len());
        for (above, entry) in factor.iter().zip(entries) {
            row.push((entry - dot(&row, above)) / above.last()?);
        }
        let rest = variance - dot(&row, &row);
        if !(rest > 0.0 && rest.is_finite()) {
            return None;
        }
        row.push(rest.sqrt());
        factor.push(row);
    }
    Some(factor)
}

/// Inverse of a lower triangle, line by line from those above.
fn inverse(factor: &Triangle) -> Option<Triangle> {
    let mut inverse: Triangle = Vec::with_capacity(factor.len());
    for line in factor {
        let (diagonal, before) = line.split_last()?;
        let mut row = vec![0.0; before.len()];
        for (weight, above) in before.iter().zip(&inverse) {
            row.iter_mut().zip(above).for_each(|(sum, value)| *sum -= weight * value);
        }
        row.push(1.0);
        row.iter_mut().for_each(|value| *value /= diagonal);
        inverse.push(row);
    }
    Some(inverse)
}

/// Sum of products, as far as the shorter list reaches.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_and_its_inverse_are_as_by_hand() {
        // [4 2; 2 10] = L·Lᵀ with L = [2 0; 1 3], whose inverse is [1/2 0; -1/6 1/3].
        let factor = cholesky(&vec![vec![4.0], vec![2.0, 10.0]]).unwrap();
        assert_eq!(factor, [vec![2.0], vec![1.0, 3.0]]);
        let inverse = inverse(&factor).unwrap();
        assert!((inverse[1][0] + 1.0 / 6.0).abs() < 1e-12 && (inverse[1][1] - 1.0 / 3.0).abs() < 1e-12);
        assert!((inverse[0][0] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_that_is_not_positive_has_no_factor() {
        assert!(cholesky(&vec![vec![1.0], vec![2.0, 1.0]]).is_none());
        assert!(cholesky(&vec![vec![f64::NAN]]).is_none());
    }
}
