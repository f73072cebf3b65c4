//! Every bound of the simulated S3, with its unit and, where it is S3's own, the page that states it.

use std::time::Duration;

/// Connections served at a time.
pub(super) const MAX_CONNECTIONS: usize = 64;

/// How far a request's date may lie ahead of the server's clock (S3 API reference, `RequestTimeTooSkewed`).
pub(super) const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// Longest life of a presigned URL, in seconds (S3 API reference, `X-Amz-Expires`).
pub(super) const MAX_EXPIRES_S: u64 = 7 * 24 * 60 * 60;

/// Most calls kept in the log; the oldest go first.
pub(super) const MAX_CALLS: usize = 10_000;
