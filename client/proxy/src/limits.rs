//! Every bound of the proxy, with its unit.

use std::time::Duration;

/// Bytes of a request's body, after decompression too.
pub const MAX_BODY_BYTES: usize = 128 * 1024 * 1024;

/// Age of a session at which the proxy has the enclave prove itself again.
pub const REVERIFY_AFTER: Duration = Duration::from_secs(300);

/// Wait before the enclave is looked for again after it could not be reached or did not pass.
pub(crate) const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Latencies that the statistics of a model remember.
pub(crate) const REMEMBERED_LATENCIES: usize = 1024;
