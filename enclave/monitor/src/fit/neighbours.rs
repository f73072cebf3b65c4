//! How near to each other rows of the data are, and below which distance two of one key are near-duplicates.
//!
//! The radius is such that of honest rows about [`HONEST`] at most are near-duplicates of one of 255 others, be they
//! of all classes or of one alone, measured through the same projection as in a ring. It is for rows in random
//! order: where traffic is a series that hardly moves from one row to the next, rows have to be profiled as deltas.

use crate::limits::RING_ROWS;
use crate::mix::position;
use crate::profile::Profile;
use crate::ring::{DIMENSIONS, Projection};
use crate::rows::Rows;

/// Share of honest rows that may be near-duplicates in a full ring. An alarm takes five times as many.
const HONEST: f64 = 0.01;

/// Part of the median distance to the nearest neighbour that the radius is at most.
const PART: f32 = 0.6;

/// Factor on the measured quantile, for the steps that a ring rounds to.
const ROUNDING: f32 = 0.95;

/// Rows whose neighbours are looked for.
const SAMPLED: usize = 2048;

/// Rows of a class below which no radius of its own is looked for.
const CLASS_ROWS: usize = 512;

/// Classes that a radius of their own is looked for, at most.
const CLASSES: usize = 64;

/// Multiplications that the median may take.
const MAX_PRODUCTS: usize = 400_000_000;

/// Median distance to the nearest neighbour, and the radius.
pub(super) fn of(rows: &Rows, profile: &Profile) -> (f32, f32) {
    let median = median(rows, profile);
    let projection = Projection::new(&profile.centre, &profile.scale);
    let mut groups = vec![(0..rows.len()).collect::<Vec<_>>()];
    let mut classes = vec![Vec::new(); profile.classes.len()];
    for (position, class) in rows.classes().iter().enumerate() {
        classes.get_mut(*class).into_iter().for_each(|group| group.push(position));
    }
    classes.retain(|group| group.len() >= CLASS_ROWS);
    classes.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups.extend(classes.into_iter().take(CLASSES));
    let radii = groups.iter().map(|group| radius(rows, group, &projection));
    let least = radii.fold(f32::INFINITY, f32::min) * ROUNDING;
    (median, least.min(median * PART))
}

/// The radius of one group of rows, before rounding.
fn radius(rows: &Rows, group: &[usize], projection: &Projection) -> f32 {
    let row = |at: usize| group.get(at).and_then(|position| rows.row(*position));
    let places: Vec<[f32; DIMENSIONS]> =
        (0..group.len()).filter_map(row).map(|row| projection.place(row.features)).collect();
    let nearest = |number: usize| {
        let own = position(number as u64, group.len());
        let (features, place) = (row(own)?.features, places.get(own)?);
        let others = (1..RING_ROWS).map(|other| position((number * RING_ROWS + other) as u64, group.len()));
        let others = others.filter(|other| row(*other).is_some_and(|other| other.features != features));
        others.filter_map(|other| places.get(other)).map(|other| squared(place, other)).reduce(f32::min)
    };
    let mut distances: Vec<f32> = (0..SAMPLED.min(group.len())).filter_map(nearest).collect();
    distances.sort_by(f32::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a position in a list"
    )]
    let place = (distances.len() as f64 * HONEST) as usize;
    distances.get(place).copied().unwrap_or(0.0).sqrt()
}

/// Median over sampled rows of the distance to the nearest of evenly spaced others that are not the same.
fn median(rows: &Rows, profile: &Profile) -> f32 {
    let sampled = SAMPLED.min(rows.len()) / 4;
    let most = (MAX_PRODUCTS / (sampled * rows.width()).max(1)).max(RING_ROWS);
    let spaced = rows.iter().step_by(rows.len().div_ceil(most));
    let standardised = |features: &[f32]| -> Vec<f32> {
        let units = features.iter().zip(&profile.centre).zip(&profile.scale);
        units.map(|((value, centre), scale)| (value - centre) / scale).collect()
    };
    let others: Vec<Vec<f32>> = spaced.map(|row| standardised(row.features)).collect();
    let nearest = |number: usize| {
        let own = standardised(rows.row(position(number as u64, rows.len()))?.features);
        let distances = others.iter().map(|other| squared(&own, other));
        distances.filter(|distance| *distance > 0.0).reduce(f32::min)
    };
    let mut distances: Vec<f32> = (0..sampled).filter_map(nearest).collect();
    distances.sort_by(f32::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(0.0).sqrt()
}

fn squared(one: &[f32], other: &[f32]) -> f32 {
    let (one_lanes, one_rest) = one.as_chunks::<8>();
    let (other_lanes, other_rest) = other.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for (one, other) in one_lanes.iter().zip(other_lanes) {
        let pairs = one.iter().zip(other);
        lanes.iter_mut().zip(pairs).for_each(|(lane, (one, other))| *lane += (one - other) * (one - other));
    }
    let rest = one_rest.iter().zip(other_rest).map(|(one, other)| (one - other) * (one - other));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}
