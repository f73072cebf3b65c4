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

/// Width of a cell of the watermark, in standard deviations of a feature. Wide enough that a copy jittered by a
/// fiftieth of a deviation stays in the cell of a 30-feature row four times out of five.
pub const CELL_WIDTH: f32 = 2.0;
