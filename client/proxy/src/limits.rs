//! Every bound of the proxy, with its unit.

use std::time::Duration;

/// Bytes of a request's body, after decompression too.
pub const MAX_BODY_BYTES: usize = 128 * 1024 * 1024;

/// Age of a session at which the proxy has the enclave prove itself again.
pub const REVERIFY_AFTER: Duration = Duration::from_secs(300);

/// Wait before the enclave is looked for again after it could not be reached or did not pass.
pub(crate) const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Models and routes that are counted; while no enclave answers, callers can ask for any name.
pub(crate) const MAX_COUNTED_NAMES: usize = 512;

/// Latencies that the statistics of a model remember.
pub(crate) const REMEMBERED_LATENCIES: usize = 1024;

/// Bytes of the body of a request that is no inference; none of them says much.
pub(crate) const MAX_SMALL_BODY_BYTES: usize = 64 * 1024;

/// Bytes of the body of a request for embeddings, after decompression too.
pub(crate) const MAX_EMBEDDINGS_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Rows of one request for embeddings, which may take several inferences.
pub(crate) const MAX_EMBEDDINGS_ROWS: usize = 2048;

/// Bytes of a refused body that are read and dropped, so that its sender gets to read the refusal.
pub(crate) const MAX_DISCARDED_BYTES: usize = 2 * MAX_BODY_BYTES;

/// Time in which they are.
pub(crate) const DISCARD_TIME: Duration = Duration::from_secs(10);

/// Bytes from which reading or writing a body leaves the threads that serve connections.
pub(crate) const LARGE_BYTES: usize = 256 * 1024;

/// Time in which a verified session must be there for the proxy to call itself ready.
pub(crate) const READY_TIME: Duration = Duration::from_secs(5);

/// Answers of one stream that wait for a caller who reads slowly.
pub(crate) const STREAMED_ANSWERS: usize = 4;
