//! Every bound of the controls, with its unit.

/// Bytes of state that one API key costs while it is served: its grant, its counters, and their places in
/// tables.
pub const MAX_KEY_STATE_BYTES: usize = 512;

/// Counters of API keys that are held: those of a release, and of earlier ones while there is room.
pub const MAX_COUNTERS: usize = 2 * strongroom_attestation::release::MAX_KEYS;

/// Features of a row over which keyed noise is smooth.
pub const MAX_NOISE_FEATURES: usize = 4096;

/// Cosines that the smooth noise is a sum of.
pub const NOISE_TERMS: usize = 256;

/// Classes, or values of a row, that noise is added to.
pub const MAX_NOISE_OUTPUTS: usize = 65_536;

/// Size of a feature's value over which noise is smooth; a larger one counts as this large.
pub const MAX_NOISE_FEATURE: f64 = 1.0e5;
