//! Deciles of each feature and the shares of rows between them, against which drift is told.
//!
//! Shares are counted and not taken for a tenth: a feature of few values puts many rows into one bin.

use crate::limits::BINS;
use crate::rows::Rows;

/// Edges and shares of each feature.
pub(super) fn of(rows: &Rows) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let mut column = Vec::with_capacity(rows.len());
    let feature = |at: usize| {
        column.clear();
        column.extend(rows.iter().filter_map(|row| row.features.get(at)));
        column.sort_unstable_by(f32::total_cmp);
        let edges = edges(&column);
        let shares = shares(&column, &edges);
        (edges, shares)
    };
    (0..rows.width()).map(feature).unzip()
}

fn edges(rising: &[f32]) -> Vec<f32> {
    let place = |decile: usize| (rising.len() * decile / BINS).min(rising.len().saturating_sub(1));
    (1..BINS).map(|decile| rising.get(place(decile)).copied().unwrap_or(0.0)).collect()
}

/// The share of values above each edge and not above the next.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "shares")]
fn shares(rising: &[f32], edges: &[f32]) -> Vec<f32> {
    let below = |edge: &f32| rising.partition_point(|value| value <= edge);
    let ends = edges.iter().map(below).chain([rising.len()]);
    let mut start = 0;
    ends.map(|end| {
        let count = end - start;
        start = end;
        (count as f64 / rising.len().max(1) as f64) as f32
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_fall_into_tenths() {
        let values: Vec<f32> = (0..1000_u16).map(f32::from).collect();
        let edges = edges(&values);
        assert!(edges.is_sorted() && edges.len() == BINS - 1);
        assert!(shares(&values, &edges).iter().all(|share| (share - 0.1).abs() < 0.002));
    }

    #[test]
    fn few_values_are_counted_where_they_fall() {
        let values: Vec<f32> = [vec![0.0; 95], vec![1.0; 5]].concat();
        let edges = edges(&values);
        let shares = shares(&values, &edges);
        assert_eq!((shares[0], shares[BINS - 1]), (0.95, 0.05));
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
