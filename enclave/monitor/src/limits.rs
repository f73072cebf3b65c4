//! Every bound of the monitor, with its unit.

/// Features of a row that are watched.
pub const MAX_FEATURES: usize = 4096;

/// Classes of a model that are told apart.
pub const MAX_CLASSES: usize = 4096;

/// Calibration scores that are kept for one class.
pub const MAX_SCORES: usize = 4096;

/// Bins of a feature's histogram.
pub const BINS: usize = 10;

/// Bytes of state of one key's detectors, beside the ring of its last rows.
pub const MAX_DETECTOR_BYTES: usize = 512;

/// Keys whose detectors are held: those of a release, and of earlier ones while there is room.
pub const MAX_WATCHED_KEYS: usize = 2 * strongroom_attestation::release::MAX_KEYS;

/// Organisations whose detectors are held.
pub const MAX_WATCHED_ORGANISATIONS: usize = 65_536;

/// Last rows of a key that a row is compared to.
pub const RING_ROWS: usize = 256;

/// Keys whose last rows are held, some 10 KiB each when full. The last half as many to ask always keep theirs; of
/// more keys that ask by turns, those idle longest lose them.
pub const MAX_RINGS: usize = 4096;

/// Organisations whose last rows are held.
pub const MAX_ORGANISATION_RINGS: usize = 1024;

/// Rows that a profile is made from, at least.
pub const MIN_TRAINING_ROWS: usize = 100;

/// Rows that a profile is made from, at most.
pub const MAX_TRAINING_ROWS: usize = 4_000_000;

/// Width of a cell of the watermark, in standard deviations of a feature. Wide enough that a copy jittered by a
/// fiftieth of a deviation stays in the cell of a 30-feature row four times out of five.
pub const CELL_WIDTH: f32 = 2.0;
