//! Every bound of the host, with its unit. The bounds of the wire are in `strongroom_proto::limits`.

use std::time::Duration;

use strongroom_proto::limits::MAX_OFFERS_PER_DOCUMENT;

/// Messages of clients worked on at once, by default. One more is told to wait.
pub const DEFAULT_MAX_REQUESTS: usize = 256;

/// Hellos worked on at once: as many as one attestation document serves. They have places of their
/// own, so that long answers keep nobody from attesting.
pub const MAX_HELLOS: usize = MAX_OFFERS_PER_DOCUMENT;

/// Connections of clients held at once, by default. One more is closed at once.
pub const DEFAULT_MAX_CONNECTIONS: usize = 1024;

/// Bytes of messages and answers held at once.
pub const MAX_BUFFERED_BYTES: usize = 1024 * 1024 * 1024;

/// Bytes of a body buffer before the client has sent as much; from there it doubles.
pub const FIRST_BODY_BYTES: usize = 64 * 1024;

/// Bytes of an answer that are handed to a connection at once. What has not been handed over counts
/// as held.
pub const ANSWER_PIECE_BYTES: usize = 64 * 1024;

/// Bytes of all headers of one request.
pub const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Headers of one HTTP/1.1 request.
pub const MAX_HEADERS: usize = 64;

/// Bytes read ahead of an HTTP/1.1 request.
pub const MAX_READ_AHEAD_BYTES: usize = 64 * 1024;

/// Requests in flight on one HTTP/2 connection.
pub const MAX_STREAMS: u32 = 128;

/// Bytes in flight on one HTTP/2 stream.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes in flight on one HTTP/2 connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Time in which a TLS handshake must be complete.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time in which the headers of an HTTP/1.1 request must be complete, from the end of the one before.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Time in which the enclave must answer a client's request, by default.
pub const DEFAULT_REQUEST_DEADLINE: Duration = Duration::from_secs(60);

/// Time in which a request's body must be complete.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// Longest pause inside a request's body.
pub const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Time without any byte after which a client's connection is closed. Longer than any answer takes.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(300);

/// Seconds after which a client that was told to wait should come back.
pub const RETRY_AFTER_S: &str = "1";

/// Time for which requests in flight are waited for when the host stops, by default.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// Connections of the metrics listener.
pub const MAX_METRICS_CONNECTIONS: usize = 8;

/// Connections to the enclave. A large frame delays only what shares its connection.
pub const ENCLAVE_CONNECTIONS: usize = 4;

/// Time in which the enclave must accept a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// First pause before the enclave is dialled again; it doubles up to [`MAX_BACKOFF`].
pub const MIN_BACKOFF: Duration = Duration::from_millis(100);

/// Longest pause before the enclave is dialled again.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3);

/// How often the enclave is asked for its status.
pub const STATUS_PERIOD: Duration = Duration::from_secs(1);

/// Time in which the enclave must tell its status.
pub const STATUS_DEADLINE: Duration = Duration::from_secs(5);

/// How often the store is looked at for a changed release. A change is pushed when two looks agree,
/// so that a file that is still being written is left alone.
pub const STORE_PERIOD: Duration = Duration::from_secs(1);

/// Time in which the enclave must take over or refuse a release; it may load models meanwhile.
pub const RELEASE_DEADLINE: Duration = Duration::from_secs(600);

/// Pause before a release that the enclave could not take is pushed again.
pub const RELEASE_RETRY: Duration = Duration::from_secs(5);

/// Connections of the enclave for boot documents, credentials, packages and log lines.
pub const MAX_SERVICE_CONNECTIONS: usize = 8;

/// Requests of the enclave worked on at once on one connection.
pub const SERVICE_CONCURRENCY: usize = 8;

/// Connections of the enclave to KMS.
pub const MAX_TUNNEL_CONNECTIONS: usize = 16;

/// Time in which KMS must accept a connection.
pub const TUNNEL_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time without a byte in either direction after which a KMS connection is closed.
pub const TUNNEL_IDLE: Duration = Duration::from_secs(120);

/// Bytes of the buffer of one direction of a KMS connection.
pub const TUNNEL_BUFFER_BYTES: usize = 16 * 1024;

/// Time in which the instance metadata service must answer one request.
pub const IMDS_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds for which an instance metadata token is asked; each is used at once.
pub const IMDS_TOKEN_TTL_S: &str = "60";

/// Bytes of a configuration file.
pub const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// Pause after a listener failed to accept, for example for want of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
