//! Calibration scores and thresholds, by predicted class.

use super::{Warning, calibrating, conformal};
use crate::distribution::distance;
use crate::limits::MAX_SCORES;
use crate::profile::{Class, Profile};
use crate::rows::Rows;

/// Share of honest rows that lie within their class's threshold.
const QUANTILE: f64 = 0.999;

/// Calibration rows of a class below which the owner is warned.
const GOOD_ROWS: usize = 1000;

/// Calibration rows of a class below which it uses those of all classes.
const OWN_ROWS: usize = 50;

/// Scores that are kept of all classes together.
const MAX_KEPT: usize = 400_000;

/// Scores that are kept of a class, at least.
const MIN_KEPT: usize = 64;

/// Distances and margins of calibration rows, rising.
#[derive(Clone, Default)]
struct Scores {
    distances: Vec<f32>,
    margins: Vec<f32>,
}

/// Classes with their means and shares and nothing else.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share")]
pub(super) fn uncalibrated(rows: &Rows, means: Vec<Vec<f32>>) -> Vec<Class> {
    let mut counts = vec![0_u32; means.len()];
    for class in rows.classes() {
        counts.get_mut(*class).into_iter().for_each(|count| *count += 1);
    }
    let class = |(mean, count): (Vec<f32>, u32)| Class {
        share: (f64::from(count) / rows.len().max(1) as f64) as f32,
        mean,
        distances: Vec::new(),
        margins: Vec::new(),
        threshold: None,
    };
    means.into_iter().zip(counts).map(class).collect()
}

/// Gives each class its scores and threshold.
pub(super) fn calibrate(profile: &mut Profile, rows: &Rows, warnings: &mut Vec<Warning>) {
    let mut own = vec![Scores::default(); profile.classes.len()];
    let (mut pooled, mut scratch) = (Scores::default(), Vec::new());
    for row in calibrating(rows) {
        let distance = distance(profile, row, &mut scratch);
        for scores in own.get_mut(row.class).into_iter().chain([&mut pooled]) {
            scores.distances.push(distance);
            scores.margins.extend(row.margin);
        }
    }
    pooled.sort();
    let kept = (MAX_KEPT / profile.classes.len().max(1) / 2).clamp(MIN_KEPT, MAX_SCORES);
    for (at, (class, mut own)) in profile.classes.iter_mut().zip(own).enumerate() {
        own.sort();
        class.threshold = threshold(&own.distances, &pooled.distances);
        if own.distances.len() < GOOD_ROWS {
            warnings.push(Warning::FewRows { class: at, rows: own.distances.len() });
        }
        if class.threshold.is_none() {
            warnings.push(Warning::NoThreshold { class: at });
        }
        let scores = if own.distances.len() < OWN_ROWS { &pooled } else { &own };
        class.distances = thinned(&scores.distances, kept);
        class.margins = thinned(&scores.margins, kept);
    }
}

impl Scores {
    fn sort(&mut self) {
        self.distances.sort_by(f32::total_cmp);
        self.margins.sort_by(f32::total_cmp);
    }
}

/// The class's own quantile; that of all rows where it has too few, and then no lower than its own farthest row.
fn threshold(own: &[f32], pooled: &[f32]) -> Option<f32> {
    conformal(own, QUANTILE).or_else(|| {
        let farthest = own.last().copied().unwrap_or(0.0);
        conformal(pooled, QUANTILE).map(|pooled| pooled.max(farthest))
    })
}

/// So many evenly spaced values of a rising list, its lowest and highest among them.
fn thinned(rising: &[f32], most: usize) -> Vec<f32> {
    if rising.len() <= most {
        return rising.to_vec();
    }
    let place = |at: usize| at * (rising.len() - 1) / (most - 1).max(1);
    (0..most).filter_map(|at| rising.get(place(at)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends_and_the_order() {
        let list: Vec<f32> = (0..10_000_u16).map(f32::from).collect();
        let kept = thinned(&list, 64);
        assert_eq!((kept.len(), kept[0], kept[63]), (64, 0.0, 9999.0));
        assert!(kept.is_sorted());
        assert_eq!(thinned(&list[..10], 64).len(), 10);
    }

    #[test]
    fn a_class_with_few_rows_has_the_threshold_of_all_but_keeps_its_own() {
        let pooled: Vec<f32> = (0..1000_u16).map(f32::from).collect();
        assert_eq!(threshold(&pooled, &[]), Some(999.0), "999.999 of 1000");
        assert_eq!(threshold(&pooled[..10], &pooled), Some(999.0));
        assert_eq!(threshold(&[5.0e3], &pooled), Some(5.0e3));
        assert_eq!(threshold(&pooled[..998], &pooled[..998]), None);
    }
}
