//! Every bound of a client, with its unit.

use std::time::Duration;

pub use strongroom_core::limits::*;

/// Time to open a connection.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Time for one HTTP request and its whole answer.
pub const EXCHANGE_TIME: Duration = Duration::from_secs(60);

/// The same for evidence and for an opening that asks nothing: no model runs for them, and whoever needs the session waits.
/// Longer than connecting, and than the enclave takes for everybody whom a host lets ask it for evidence at once.
pub const SETUP_TIME: Duration = Duration::from_secs(15);

/// Time for one inference with all its attempts.
pub const INFER_TIME: Duration = Duration::from_secs(180);

/// Attempts at one exchange, the first one included.
pub const MAX_ATTEMPTS: u32 = 12;

/// Wait before the second attempt; later waits double.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longest wait between two attempts, whatever the host asks for. Who has waited for long is to be served within 5 s of the
/// service's return, which may come right after an attempt.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3);

/// Interval of the HTTP/2 pings that notice a dead connection while an answer is awaited.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Age of a session at which the enclave has to prove itself again.
pub const SESSION_AGE: Duration = Duration::from_secs(3600);
