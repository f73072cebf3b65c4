//! Every bound of a client, with its unit.

use std::time::Duration;

/// Bytes of a trust file.
pub const MAX_TRUST_FILE_BYTES: usize = 256 * 1024;

/// Images that one trust file may accept.
pub const MAX_TRUSTED_IMAGES: usize = 16;

/// Age of an attestation document that is accepted when the trust file says nothing else.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(300);

/// Bytes of the JSON of one Open Inference Protocol request or response.
pub const MAX_JSON_BYTES: usize = 256 * 1024 * 1024;

/// Nesting of that JSON; the protocol itself needs four levels.
pub const MAX_JSON_DEPTH: usize = 16;

/// Bytes of the id that a JSON request carries and its response repeats.
pub const MAX_JSON_ID_BYTES: usize = 256;

/// Time to open a connection.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Time for one HTTP request and its whole answer.
pub const EXCHANGE_TIME: Duration = Duration::from_secs(60);

/// Time for one inference with all its attempts.
pub const INFER_TIME: Duration = Duration::from_secs(180);

/// Attempts at one exchange, the first one included.
pub const MAX_ATTEMPTS: u32 = 10;

/// Wait before the second attempt; later waits double.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longest wait between two attempts, whatever the host asks for.
pub const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Interval of the HTTP/2 pings that notice a dead connection while an answer is awaited.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
