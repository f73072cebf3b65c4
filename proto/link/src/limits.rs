//! Every bound of the link, with its unit.

use std::time::Duration;

/// Bytes handed to the socket in one write call. A vsock driver copies each call into buffers of
/// its own, so that larger calls cost memory without being faster, and some of them stumble above 32 KiB.
pub const MAX_WRITE_BYTES: usize = 16 * 1024;

/// Bytes of the largest body that is copied behind its header, so that both leave in one write.
pub const SMALL_FRAME_BYTES: usize = 4 * 1024;

/// Bytes that are read ahead, so that a small frame is one read and not two. What is larger is read past this buffer.
pub const READ_AHEAD_BYTES: usize = 8 * 1024;

/// Bytes that a body buffer may hold before the peer has sent as much; from there it doubles.
pub const FIRST_READ_BYTES: usize = 1024 * 1024;

/// Time in which a header must be complete once its first byte has arrived.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time in which a body must be complete once its header has arrived.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Time in which the peer must take [`MAX_WRITE_BYTES`].
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time without a frame after which a task looks again whether it is still needed.
pub const IDLE_CHECK: Duration = Duration::from_secs(60);

/// Requests in flight on one [`crate::Mux`].
pub const MAX_IN_FLIGHT: usize = 1024;

/// Bytes of a body from which on it is let in by its first bytes, before the rest is read.
pub const LARGE_BODY_BYTES: usize = 1024 * 1024;

/// How many first bytes decide.
pub const FIRST_BYTES: usize = 32;
