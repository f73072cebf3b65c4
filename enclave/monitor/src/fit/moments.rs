//! Mean and deviation of each feature.

use crate::rows::Rows;

/// Deviation, relative to the size of the mean, below which a feature is a constant.
const CONSTANT: f64 = 1e-6;

/// Smallest deviation that is told from none, so that its inverse fits an `f32`.
const SMALLEST: f64 = 1e-30;

/// Mean and deviation of each feature over all rows.
pub(super) struct Moments {
    pub(super) centre: Vec<f32>,
    /// Never 0: a constant feature has the size of its value, or 1.
    pub(super) scale: Vec<f32>,
}

impl Moments {
    #[expect(clippy::cast_possible_truncation, reason = "features are f32 already")]
    pub(super) fn of(rows: &Rows) -> Self {
        let means = means(rows, |_, value| value);
        let spreads = means_of_squares(rows, &means);
        let scale = |(mean, square): (&f64, f64)| {
            let deviation = square.sqrt();
            let constant = deviation <= (CONSTANT * mean.abs()).max(SMALLEST);
            if constant { mean.abs().max(1.0) as f32 } else { deviation.min(f32::MAX.into()) as f32 }
        };
        let scale = means.iter().zip(spreads).map(scale).collect();
        Self { centre: means.iter().map(|mean| *mean as f32).collect(), scale }
    }
}

fn means_of_squares(rows: &Rows, means: &[f64]) -> Vec<f64> {
    self::means(rows, |at, value| (value - means.get(at).unwrap_or(&0.0)).powi(2))
}

/// Mean over all rows of a function of each feature.
#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn means(rows: &Rows, of: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; rows.width()];
    for row in rows.iter() {
        for (at, (sum, value)) in sums.iter_mut().zip(row.features).enumerate() {
            *sum += of(at, f64::from(*value));
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
    sums
}
