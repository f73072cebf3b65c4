//! Every bound of the benchmarks, with its unit.

use std::time::Duration;

/// Longest latency that a histogram tells from a longer one.
pub const MAX_LATENCY: Duration = Duration::from_secs(120);

/// Significant decimal digits of a latency.
pub const LATENCY_DIGITS: u8 = 3;

/// Requests under way at once, beyond which an open loop counts an arrival as failed.
pub const MAX_IN_FLIGHT: usize = 4096;

/// Largest answer of a plain peer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Time for what is under way to end once a run is over.
pub const DRAIN: Duration = Duration::from_secs(30);

/// Longest run.
pub const MAX_RUN: Duration = Duration::from_secs(3600);

/// Processes below one that is measured.
pub const MAX_DESCENDANTS: usize = 1024;
