//! Profiles for tests.

use super::{Class, Profile, Space};
use crate::limits::BINS;

/// A profile of independent features of mean 0 and deviation 1 without any class or calibration.
pub(crate) fn plain(features: usize) -> Profile {
    let whitening = (0..features).flat_map(|line| (0..=line).map(move |at| f32::from(u8::from(at == line))));
    Profile {
        rows: 1000,
        space: Space::Input("x".into()),
        features,
        decision: None,
        classes: vec![Class {
            share: 1.0,
            mean: vec![0.0; features],
            distances: vec![],
            margins: vec![],
            threshold: None,
        }],
        centre: vec![0.0; features],
        scale: vec![1.0; features],
        whitening: whitening.collect(),
        bounds: vec![(-1e6, 1e6); features],
        edges: vec![vec![0.0; BINS - 1]; features],
        shares: vec![vec![0.1; BINS]; features],
        neighbour: 1.0,
        near: 0.0,
    }
}
