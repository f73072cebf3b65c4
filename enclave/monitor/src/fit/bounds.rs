//! A box that honest rows lie in, nearly all of them in every feature at once.
//!
//! Each feature's range over the fitted rows is widened by one factor for all of them, such that of calibration
//! rows [`QUANTILE`] lie inside with every feature. Where there are too few rows for that quantile it is their
//! farthest. On top comes [`SLACK`]. The box is for what the covariance does not see: a constant that changes, a
//! value without any sense; near the data the Mahalanobis distance is the finer measure.

use super::{calibrating, conformal, fitted};
use crate::rows::{Row, Rows};

/// Share of honest rows inside, before slack.
const QUANTILE: f64 = 0.9998;

/// Factor on the widening, and what is added to it.
const SLACK: (f32, f32) = (1.5, 0.1);

/// Lowest and highest value of one feature, and the unit of its widening.
#[derive(Clone, Copy)]
struct Range {
    low: f32,
    high: f32,
    unit: f32,
}

pub(super) fn of(rows: &Rows, scale: &[f32]) -> Vec<(f32, f32)> {
    let ranges = ranges(rows, scale);
    let mut beyond: Vec<f32> = calibrating(rows).map(|row| farthest(&ranges, row)).collect();
    beyond.sort_by(f32::total_cmp);
    let widest = conformal(&beyond, QUANTILE).or(beyond.last().copied()).unwrap_or(0.0);
    let widening = widest * SLACK.0 + SLACK.1;
    let widened = |range: &Range| {
        let by = (range.unit * widening).min(f32::MAX);
        ((range.low - by).max(f32::MIN), (range.high + by).min(f32::MAX))
    };
    ranges.iter().map(widened).collect()
}

fn ranges(rows: &Rows, scale: &[f32]) -> Vec<Range> {
    let mut ranges: Vec<Range> =
        scale.iter().map(|unit| Range { low: f32::MAX, high: f32::MIN, unit: *unit }).collect();
    for (_, row) in fitted(rows) {
        for (range, value) in ranges.iter_mut().zip(row.features) {
            (range.low, range.high) = (range.low.min(*value), range.high.max(*value));
        }
    }
    for range in &mut ranges {
        range.unit = (range.high - range.low).max(range.unit).min(f32::MAX);
    }
    ranges
}

/// By how many units a row is outside in its farthest feature; 0 inside.
fn farthest(ranges: &[Range], row: Row<'_>) -> f32 {
    let beyond = |(range, value): (&Range, &f32)| (range.low - value).max(value - range.high) / range.unit;
    ranges.iter().zip(row.features).map(beyond).fold(0.0, f32::max)
}
