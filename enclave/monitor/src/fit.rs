//! Makes a profile of training rows, on the owner's machine.
//!
//! A third of the rows, chosen by position, gives class means and covariance; the others calibrate, as a row that
//! means were made from lies nearer to them than a new one. As many as can be had: below 1000 calibration rows of a
//! class its detectors are blunt.
//!
//! Rows that the model was *not* trained on are needed where it learns by heart, as forests and boosted trees do: it
//! decides its training rows more clearly than new ones, and then every honest key looks like a thief at its
//! boundary. Where true labels show that it errs on next to none of the rows, their margins are left out of the
//! profile, and thieves at the boundary are not seen. Where it errs on some, or without labels, nothing here can tell.

mod bounds;
mod calibration;
mod covariance;
mod histogram;
mod moments;
mod neighbours;
#[cfg(test)]
mod tests;

use strongroom_attestation::release::MAX_PROFILE_BYTES;

use crate::limits::{MAX_CLASSES, MAX_FEATURES, MAX_TRAINING_ROWS, MIN_TRAINING_ROWS};
use crate::mix::mix;
use crate::profile::{Decision, Profile, ProfileError, Space};
use crate::rows::{Row, Rows};

/// Of so many rows, one makes means and covariance, and the others calibrate.
const SPLIT: u64 = 3;

/// One error in so many rows is the least that margins are believed at.
const ERRORS: usize = 1000;

/// What a profile is made from. No `Debug`: it is the training data.
pub struct Training {
    /// The rows, with the classes and margins that the model gave them.
    pub rows: Rows,
    /// Where they were found.
    pub space: Space,
    /// Where their classes were found.
    pub decision: Option<Decision>,
    /// Number of classes that there are.
    pub classes: usize,
    /// The true class of each row, by position. Means and covariance are then of true classes (Lee and others,
    /// 2018), thresholds always of predicted ones.
    pub labels: Option<Vec<usize>>,
}

/// What weakens a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A class has fewer calibration rows than are good for its detectors.
    FewRows {
        /// The class, by position.
        class: usize,
        /// Its calibration rows.
        rows: usize,
    },
    /// So few rows that no row is ever too far from this class.
    NoThreshold {
        /// The class, by position.
        class: usize,
    },
    /// The data repeats so often that near-duplicates say nothing.
    Repeats,
    /// The model errs on next to none of the rows, so it may know them by heart: nothing is said of margins. Rows
    /// that it was not trained on are needed.
    ByHeart,
}

/// Why no profile can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Too few rows.
    #[error("{0} rows are too few: {MIN_TRAINING_ROWS} are needed, and thousands are better")]
    TooFew(usize),
    /// Too many rows.
    #[error("{0} rows are too many: {MAX_TRAINING_ROWS} are enough")]
    TooMany(usize),
    /// Too many features or classes, or none.
    #[error("no features or classes, or too many of them")]
    Shape,
    /// A class that there is not, or another number of labels than of rows.
    #[error("a class that there is not, or another number of labels than of rows")]
    Classes,
    /// A number that is not finite.
    #[error("a number that is not finite")]
    NotFinite,
    /// The covariance cannot be inverted, which shrinking rules out for finite numbers of ordinary size.
    #[error("the features' covariance cannot be inverted")]
    Singular,
    /// Larger than a release holds.
    #[error(
        "the profile takes {0} bytes, more than the {MAX_PROFILE_BYTES} of a release: watch fewer features"
    )]
    TooLarge(usize),
    /// The profile contradicts itself.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// Makes a profile. The same rows give the same profile.
///
/// # Errors
/// See [`FitError`].
pub fn fit(training: Training) -> Result<(Profile, Vec<Warning>), FitError> {
    check(&training)?;
    let Training { rows, space, decision, classes, labels } = training;
    let moments = moments::Moments::of(&rows);
    let by_heart = labels.as_deref().is_some_and(|labels| is_known_by_heart(&rows, labels));
    let labels = labels.as_deref().unwrap_or(rows.classes());
    let shape = covariance::Shape::of(&rows, labels, classes, &moments)?;
    let mut warnings = Vec::new();
    let mut profile = Profile {
        rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        space,
        features: rows.width(),
        decision,
        classes: calibration::uncalibrated(&rows, shape.means),
        centre: moments.centre,
        scale: moments.scale,
        whitening: shape.whitening,
        bounds: Vec::new(),
        edges: Vec::new(),
        shares: Vec::new(),
        neighbour: 0.0,
        near: 0.0,
    };
    calibration::calibrate(&mut profile, &rows, &mut warnings);
    if by_heart {
        warnings.push(Warning::ByHeart);
        profile.classes.iter_mut().for_each(|class| class.margins.clear());
    }
    profile.bounds = bounds::of(&rows, &profile.scale);
    (profile.edges, profile.shares) = histogram::of(&rows);
    (profile.neighbour, profile.near) = neighbours::of(&rows, &profile);
    if profile.near == 0.0 {
        warnings.push(Warning::Repeats);
    }
    profile.check()?;
    let bytes = profile.encode()?.len();
    if bytes > MAX_PROFILE_BYTES {
        return Err(FitError::TooLarge(bytes));
    }
    Ok((profile, warnings))
}

fn check(training: &Training) -> Result<(), FitError> {
    let (rows, classes) = (&training.rows, training.classes);
    if rows.len() < MIN_TRAINING_ROWS {
        return Err(FitError::TooFew(rows.len()));
    }
    if rows.len() > MAX_TRAINING_ROWS {
        return Err(FitError::TooMany(rows.len()));
    }
    if rows.width() > MAX_FEATURES || classes == 0 || classes > MAX_CLASSES {
        return Err(FitError::Shape);
    }
    let known = |list: &[usize]| list.len() == rows.len() && list.iter().all(|class| *class < classes);
    if !known(rows.classes()) || !training.labels.as_deref().is_none_or(known) {
        return Err(FitError::Classes);
    }
    let finite = |row: Row<'_>| {
        row.features.iter().all(|value| value.is_finite()) && row.margin.is_none_or(f32::is_finite)
    };
    if !rows.iter().all(finite) {
        return Err(FitError::NotFinite);
    }
    Ok(())
}

fn is_known_by_heart(rows: &Rows, labels: &[usize]) -> bool {
    let errors = rows.classes().iter().zip(labels).filter(|(class, label)| class != label).count();
    rows.iter().any(|row| row.margin.is_some()) && errors.saturating_mul(ERRORS) < rows.len()
}

/// The rows that means and covariance are made from, with their positions.
fn fitted(rows: &Rows) -> impl Iterator<Item = (usize, Row<'_>)> {
    rows.iter().enumerate().filter(|(position, _)| is_fitted(*position))
}

/// The rows that calibrate.
fn calibrating(rows: &Rows) -> impl Iterator<Item = Row<'_>> {
    rows.iter().enumerate().filter(|(position, _)| !is_fitted(*position)).map(|(_, row)| row)
}

fn is_fitted(position: usize) -> bool {
    mix(u64::try_from(position).unwrap_or(u64::MAX)).is_multiple_of(SPLIT)
}

/// The ⌈(n + 1)·q⌉-th smallest of a rising list: of honest rows a share of 1 − q at most lies above it, on average
/// over lists. [`None`] where the list is too short for one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a position in a list"
)]
fn conformal(rising: &[f32], quantile: f64) -> Option<f32> {
    let rank = ((rising.len() as f64 + 1.0) * quantile).ceil() as usize;
    rising.get(rank.checked_sub(1)?).copied()
}
