//! The last rows of a key, coarsely: whether it asks about near-duplicates of what it asked before.
//!
//! Finite differences, jittered copies and walks along a boundary (HopSkipJump) ask about rows that lie far nearer
//! to each other than rows of the data do (PRADA: Juuti and others, EuroS&P 2019). A row is kept as a random
//! projection to 32 dimensions (Achlioptas, 2003) in steps of a sixteenth of the near-duplicate radius. Steps wrap
//! around at 256: two rows that differ by a multiple of that in every dimension are too rare to matter.
//!
//! A row that was asked before to the last bit is no near-duplicate: its answer is known already, and the same. A
//! thief whose jitter is as wide as the data's own spacing is not seen here.

use strongroom_attestation::release::Rules;

use crate::limits::RING_ROWS;
use crate::mix::mix;
use crate::profile::Profile;
use crate::rows::Row;

/// Dimensions of the projection.
pub(crate) const DIMENSIONS: usize = 32;

/// Steps of a projection that the radius is.
const RADIUS_STEPS: f32 = 16.0;

/// Projection of standardised rows. Its signs follow from the profile, which no asker knows.
pub(crate) struct Projection {
    centre: Vec<f32>,
    /// Of each feature, its sign in each dimension over its scale.
    weights: Vec<[f32; DIMENSIONS]>,
    /// What rows are hashed with.
    pub(crate) seed: u64,
}

impl Projection {
    /// The projection for rows of this mean and deviation.
    pub(crate) fn new(centre: &[f32], scale: &[f32]) -> Self {
        let bits = centre.iter().chain(scale).map(|value| u64::from(value.to_bits()));
        let seed = bits.fold(0, |state, bits| mix(state ^ bits));
        let weights = scale.iter().zip(0..).map(|(scale, feature)| {
            let signs = mix(seed ^ mix(feature));
            let size = (DIMENSIONS as f32).sqrt().recip() / scale;
            std::array::from_fn(|dimension| if signs >> dimension & 1 == 0 { size } else { -size })
        });
        Self { centre: centre.to_vec(), weights: weights.collect(), seed }
    }

    /// The place of a row, in units of the features' scale.
    pub(crate) fn place(&self, features: &[f32]) -> [f32; DIMENSIONS] {
        let mut place = [0.0; DIMENSIONS];
        for ((value, centre), weights) in features.iter().zip(&self.centre).zip(&self.weights) {
            let value = value - centre;
            place.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
        }
        place
    }
}

/// A row as a ring keeps it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    place: [i8; DIMENSIONS],
    hash: u64,
}

impl Mark {
    /// Takes down a row. Without a radius its place is nowhere.
    pub(crate) fn of(projection: &Projection, profile: &Profile, row: Row<'_>) -> Self {
        let features = row.features;
        let hash = row
            .bits
            .iter()
            .fold(crate::mix::hash(projection.seed, features), |state, bits| mix(state ^ bits));
        if profile.near == 0.0 {
            return Self { place: [0; DIMENSIONS], hash };
        }
        let step = RADIUS_STEPS / profile.near;
        #[expect(clippy::cast_possible_truncation, reason = "steps wrap around")]
        let place = projection.place(features).map(|value| (value * step).round() as i64 as i8);
        Self { place, hash }
    }

    fn is_near(&self, other: &Self) -> bool {
        let step = |(one, other): (&i8, &i8)| i32::from(one.wrapping_sub(*other)).pow(2);
        let squared: i32 = self.place.iter().zip(&other.place).map(step).sum();
        squared < (RADIUS_STEPS * RADIUS_STEPS) as i32
    }
}

/// What a ring says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// It is in the ring, to the bit.
    Before,
    /// It is new.
    New,
    /// Too many of the rows in the ring are near-duplicates. The ring is empty now.
    Alarm,
}

/// The last rows of one key or organisation.
#[derive(Clone, Default)]
pub(crate) struct Ring {
    /// Each with whether it was near to one before it.
    rows: Vec<(Mark, bool)>,
    next: usize,
}

impl Ring {
    /// Takes in a row. `radius` is whether near-duplicates are told.
    pub(crate) fn meet(&mut self, mark: Mark, radius: bool, rules: &Rules) -> Met {
        if self.rows.iter().any(|(other, _)| other.hash == mark.hash) {
            return Met::Before;
        }
        let near = radius && self.rows.iter().any(|(other, _)| mark.is_near(other));
        self.keep(mark, near);
        if near && self.is_full_of_duplicates(rules) {
            *self = Self::default();
            return Met::Alarm;
        }
        Met::New
    }

    fn keep(&mut self, mark: Mark, near: bool) {
        match self.rows.get_mut(self.next) {
            Some(oldest) => *oldest = (mark, near),
            None => self.rows.push((mark, near)),
        }
        self.next = (self.next + 1) % RING_ROWS;
    }

    #[expect(clippy::cast_precision_loss, reason = "counts up to the size of a ring")]
    fn is_full_of_duplicates(&self, rules: &Rules) -> bool {
        let near = self.rows.iter().filter(|(_, near)| *near).count();
        near >= rules.near_least as usize && near as f64 > rules.near_share * self.rows.len() as f64
    }
}

#[cfg(test)]
mod tests;
