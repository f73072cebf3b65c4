//! Whether a row is like the data: its Mahalanobis distance to the mean of its predicted class, and a box.
//!
//! The distance is that of Lee, Lee, Lee and Shin (NeurIPS 2018), one covariance for all classes; the threshold of
//! each class is split-conformal, so that of honest rows only a share of about 1 − q lies beyond it whatever the
//! distribution (Vovk, Gammerman, Shafer, 2005). A row of the data's own distribution is never told from an honest
//! one, whoever sends it; and a change along a direction in which the data varies widely stays unseen.

use crate::profile::Profile;
use crate::rows::Row;

/// Values that one step of a sum takes at once, for the compiler to make one instruction of.
const LANES: usize = 8;

/// Distance of a row to the mean of its predicted class; infinite where it cannot be told, as for another number
/// of features or a class that the profile does not have. `scratch` keeps its memory from row to row.
pub(crate) fn distance(profile: &Profile, row: Row<'_>, scratch: &mut Vec<f32>) -> f32 {
    let Some(class) = profile.classes.get(row.class).filter(|_| row.features.len() == profile.features)
    else {
        return f32::INFINITY;
    };
    scratch.clear();
    scratch.extend(row.features.iter().zip(&class.mean).map(|(value, mean)| value - mean));
    let distance = whitened(&profile.whitening, scratch).sqrt();
    if distance.is_finite() { distance } else { f32::INFINITY }
}

/// Whether a row at this distance is out of distribution.
pub(crate) fn is_unlike(profile: &Profile, row: Row<'_>, distance: f32) -> bool {
    let threshold = profile.classes.get(row.class).and_then(|class| class.threshold);
    let inside = |(value, (low, high)): (&f32, &(f32, f32))| (*low..=*high).contains(value);
    distance == f32::INFINITY
        || threshold.is_some_and(|threshold| distance > threshold)
        || !row.features.iter().zip(&profile.bounds).all(inside)
}

/// Squared length of the triangle's product with `values`.
fn whitened(triangle: &[f32], values: &[f32]) -> f32 {
    let mut rest = triangle;
    let mut sum = 0.0;
    for length in 1..=values.len() {
        let Some((line, after)) = rest.split_at_checked(length) else { return f32::INFINITY };
        let part = dot(line, values);
        sum += part * part;
        rest = after;
    }
    sum
}

/// Sum of products of two lists, as far as the shorter reaches.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let right = right.get(..left.len()).unwrap_or(right);
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut lanes = [0.0_f32; LANES];
    for (left, right) in left.iter().zip(right) {
        lanes.iter_mut().zip(left.iter().zip(right)).for_each(|(lane, (left, right))| *lane += left * right);
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_times_a_row_is_as_long_as_by_hand() {
        // [2 0; 1 3] · [1 2] = [2 7]
        assert!((whitened(&[2.0, 1.0, 3.0], &[1.0, 2.0]) - 53.0).abs() < 1e-6);
        assert_eq!(whitened(&[2.0, 1.0], &[1.0, 2.0]), f32::INFINITY, "a triangle that is too short");
    }

    #[test]
    fn sums_over_lanes_are_sums() {
        let values: Vec<f32> = (0..19_u8).map(f32::from).collect();
        assert!((dot(&values, &values) - 2109.0).abs() < 1e-3);
        assert!((dot(&values[..3], &values) - 5.0).abs() < 1e-6);
    }
}
