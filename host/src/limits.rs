//! Every bound of the host, with its unit. The bounds of the wire are in `strongroom_proto::limits`.

use std::num::NonZeroU32;
use std::time::Duration;

use strongroom_proto::limits::{MAX_FRAME_BYTES, MAX_OFFERS_PER_DOCUMENT, MAX_STATE_BYTES};

/// Messages of clients worked on at once, by default. One more is told to wait.
pub const DEFAULT_MAX_REQUESTS: usize = 256;

/// Hellos worked on at once: as many as one attestation document serves. They have places of their
/// own, so that long answers keep nobody from attesting.
pub const MAX_HELLOS: usize = MAX_OFFERS_PER_DOCUMENT;

/// Connections of clients held at once, by default. One more is closed at once.
pub const DEFAULT_MAX_CONNECTIONS: usize = 1024;

/// The most that may be set: as many as Linux lets a process have files, by default (`fs.nr_open`, proc_sys_fs(5)).
pub const MOST_CONNECTIONS: usize = 1_048_576;

/// Seconds of its rate that an address which was quiet before may use at once, by default.
pub const DEFAULT_ADDRESS_BURST_S: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The part of the places, as a divisor, that an address with more than its own part leaves to others.
pub const RESERVED_SHARE: usize = 8;

/// How long an address that asked counts as one of those who want places.
pub const WANTED_TIME: Duration = Duration::from_secs(5);

/// Addresses that are remembered one by one, IPv6 by network: for their rate, for the places of hellos and for those of messages.
/// Each of the three takes 4 to 7 MiB.
pub const MAX_ADDRESSES: usize = 65_536;

/// How often addresses that have their whole burst again are forgotten. So often that there is room for any new
/// one, unless [`MAX_ADDRESSES`] others are asking at that moment.
pub const ADDRESS_SWEEP_PERIOD: Duration = Duration::from_secs(1);

/// Bytes of messages and answers held at once.
pub const MAX_BUFFERED_BYTES: usize = 1024 * 1024 * 1024;

/// Bytes of the largest body or answer that may have the last of this memory.
pub const SMALL_BYTES: usize = 1024 * 1024;

/// The part of this memory, as a divisor, that larger ones leave to these.
pub const RESERVED_MEMORY: usize = 4;

// Each of the places may have one of these.
const _: () = assert!(DEFAULT_MAX_REQUESTS * SMALL_BYTES <= MAX_BUFFERED_BYTES / RESERVED_MEMORY);

/// Bytes of answers that wait to be taken on one connection. Far more than any answer, and a part of all.
pub const MAX_CONNECTION_ANSWER_BYTES: usize = MAX_BUFFERED_BYTES / 4;

// The largest answer is let out.
const _: () = assert!(MAX_FRAME_BYTES <= MAX_CONNECTION_ANSWER_BYTES);

/// Bytes of a body buffer before the client has sent as much; from there it doubles.
pub const FIRST_BODY_BYTES: usize = 64 * 1024;

/// Bytes of the body of a refused request that are read and dropped, so that its stream ends as it should. As much as a client
/// may send of it before it is let go on.
pub const DISCARD_BYTES: usize = STREAM_WINDOW_BYTES as usize;

/// Time for these bytes to come.
pub const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Bytes of an answer that are handed to a connection at once. The answer counts as held until the last piece is
/// written.
pub const ANSWER_PIECE_BYTES: usize = 64 * 1024;

/// Time in which a client must take the next piece of an answer.
pub const ANSWER_STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Time in which a client must have taken a whole answer, because it holds memory that others wait for.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

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

/// Seconds for which a browser need not ask again whether a page may ask. The longest that Chromium keeps to.
pub const PREFLIGHT_AGE_S: &str = "7200";

/// Time for which requests in flight are waited for when the host stops, by default.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// Connections of the metrics listener.
pub const MAX_METRICS_CONNECTIONS: usize = 8;

/// Connections to the enclave. A large frame delays only what shares its connection.
pub const ENCLAVE_CONNECTIONS: usize = 4;

/// Bytes of the largest body that goes where others go already.
pub const SHARED_BYTES: usize = 16 * 1024;

/// Requests in flight on a connection beyond which small ones go elsewhere, too.
pub const SHARED_IN_FLIGHT: usize = 64;

/// Time in which the enclave must accept a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// First pause before the enclave is dialled again; it doubles up to [`MAX_BACKOFF`].
pub const MIN_BACKOFF: Duration = Duration::from_millis(100);

/// Longest pause before the enclave is dialled again.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3);

/// How often the enclave is asked for its status.
pub const STATUS_PERIOD: Duration = Duration::from_secs(1);

/// Least time between two such questions, however much the enclave says.
pub const STATUS_PAUSE: Duration = Duration::from_millis(20);

/// Time in which the enclave must tell its status.
pub const STATUS_DEADLINE: Duration = Duration::from_secs(5);

/// How often the store is looked at for a changed release. A change is pushed when two looks agree,
/// so that a file that is still being written is left alone.
pub const STORE_PERIOD: Duration = Duration::from_secs(1);

/// Time in which the enclave must take over or refuse a release; it may load models meanwhile.
pub const RELEASE_DEADLINE: Duration = Duration::from_secs(600);

/// Pause before a release that the enclave could not take is pushed again. So short that a release follows within seconds
/// when KMS is back, and long enough that an enclave spends next to nothing on trying.
pub const RELEASE_RETRY: Duration = Duration::from_secs(2);

/// Connections of the enclave for boot documents, credentials, packages, log lines
/// and what is kept for it.
pub const MAX_SERVICE_CONNECTIONS: usize = 8;

/// Requests of the enclave worked on at once on one connection.
pub const SERVICE_CONCURRENCY: usize = 8;

/// Bytes of what the enclave hands over that are held at once.
pub const MAX_HANDED_OVER_BYTES: usize = 64 * 1024 * 1024;

// The largest state is let in.
const _: () = assert!(MAX_STATE_BYTES <= MAX_HANDED_OVER_BYTES);

/// Time without anything handed over after which an enclave that answers nobody has no more. It cuts a batch of the
/// audit log, and looks for a changed state, once a second; the rest is for sealing.
pub const HAND_OVER_QUIET: Duration = Duration::from_millis(1500);

/// Bytes of state that an enclave hands over in a second, on average: it pauses longer after a larger one.
pub const STATE_BYTES_PER_SECOND: usize = 4 * 1024 * 1024;

/// Time that an ending host gives its enclave to hand over what it has.
pub const HAND_OVER_GRACE: Duration = Duration::from_secs(10);

// The next state after the largest comes in time.
const _: () = assert!(
    MAX_STATE_BYTES.div_ceil(STATE_BYTES_PER_SECOND) as u64 + HAND_OVER_QUIET.as_secs()
        <= HAND_OVER_GRACE.as_secs()
);

/// Time for which a write of the audit log waits for somebody else who writes to it.
pub const AUDIT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Batches of the audit log that wait to be forwarded. Each has at most 1 MiB.
pub const MAX_FORWARD_BATCHES: usize = 16;

/// Time that batches which wait to be forwarded have at the end.
pub const FORWARD_GRACE: Duration = Duration::from_secs(2);

/// Connections of the enclave to KMS.
pub const MAX_TUNNEL_CONNECTIONS: usize = 16;

/// Time in which KMS must accept a connection.
pub const TUNNEL_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time without a byte in either direction after which a KMS connection is closed.
pub const TUNNEL_IDLE: Duration = Duration::from_secs(120);

/// Bytes of the buffer of one direction of a KMS connection.
pub const TUNNEL_BUFFER_BYTES: usize = 16 * 1024;

/// Time in which the instance metadata service, or the agent on a pod's node, must answer one request.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds for which an instance metadata token is asked; each is used at once.
pub const IMDS_TOKEN_TTL_S: &str = "60";

/// Bytes of an access key id. AWS's own bound (API reference of STS, `Credentials`).
pub const MAX_ACCESS_KEY_ID_BYTES: usize = 128;

/// Bytes of a secret access key. AWS's have 40.
pub const MAX_SECRET_ACCESS_KEY_BYTES: usize = 256;

/// Bytes of a session token, which becomes one header. AWS states no bound; they have some hundreds to a few thousand.
pub const MAX_SESSION_TOKEN_BYTES: usize = 16 * 1024;

/// Bytes of the file with a pod's token, which becomes one header. Kubernetes' tokens have 1 to 2 KiB.
pub const MAX_TOKEN_FILE_BYTES: usize = 16 * 1024;

/// Seconds of the longest time that a setting states: a day.
pub const MAX_SETTING_S: u64 = 24 * 60 * 60;

/// Bytes of a configuration file.
pub const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// Pause after a listener failed to accept, for example for want of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a release in S3 is looked at; each look is a request that costs money.
pub const S3_PERIOD: Duration = Duration::from_secs(5);

/// Time in which S3 must accept a connection.
pub const S3_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time in which one attempt at a request of S3 must be complete.
pub const S3_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);

/// Time in which a request of S3 must be complete with all its attempts. Below the 30 s for which
/// an enclave waits.
pub const S3_DEADLINE: Duration = Duration::from_secs(25);

/// Attempts at a request of S3.
pub const S3_ATTEMPTS: u32 = 3;

/// First pause before S3 is asked again; it doubles up to [`S3_MAX_BACKOFF`].
pub const S3_MIN_BACKOFF: Duration = Duration::from_millis(200);

/// Longest pause before S3 is asked again.
pub const S3_MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Time for which a signed URL is good. As far as AWS lets clocks differ elsewhere, because S3
/// counts it from this host's clock.
pub const S3_URL_LIFETIME: Duration = Duration::from_secs(300);

/// Time for which an unused connection to S3 is kept.
pub const S3_IDLE: Duration = Duration::from_secs(20);

/// Time before their end from which on kept credentials are not used any more.
pub const CREDENTIALS_MARGIN: Duration = Duration::from_secs(300);

/// Packages whose entity tag is remembered.
pub const MAX_REMEMBERED_TAGS: usize = 64;

/// Bytes of an entity tag.
pub const MAX_TAG_BYTES: usize = 256;

/// Bytes of the prefix of a store in S3. A key has at most 1024.
pub const MAX_PREFIX_BYTES: usize = 512;

/// Time in which the enclave must be reachable after it was started, by default.
pub const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(120);

/// Time for which a starting host waits for an enclave that runs already.
pub const ENCLAVE_FIRST_GRACE: Duration = Duration::from_secs(2);

/// Time for which an enclave that was reachable may be out of reach before it is started anew. Longer
/// than [`MAX_BACKOFF`] and [`CONNECT_TIMEOUT`] together, so that it was dialled meanwhile.
pub const ENCLAVE_GONE_GRACE: Duration = Duration::from_secs(10);

/// Time of being reachable after which an enclave counts as well started.
pub const ENCLAVE_STABLE: Duration = Duration::from_secs(60);

/// Time without any answer after which an enclave that is still connected counts as gone and is started anew: a busy one
/// may be slow, and is not to be ended for it. It is noticed with the next status that does not come.
pub const ENCLAVE_SILENCE: Duration = Duration::from_secs(60);

/// Pause before the second start of the enclave in a row; it doubles up to [`MAX_START_BACKOFF`].
pub const MIN_START_BACKOFF: Duration = Duration::from_secs(1);

/// Longest pause before the enclave is started anew.
pub const MAX_START_BACKOFF: Duration = Duration::from_secs(60);

/// Time in which the program that stops the enclave must end.
pub const ENCLAVE_STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Time after the end of a start program in which an enclave that was that program is out of reach.
pub const PROGRAM_SETTLE: Duration = Duration::from_secs(1);

/// Time between SIGTERM and SIGKILL.
pub const PROGRAM_TERM_GRACE: Duration = Duration::from_secs(10);

/// Time in which the last output of an ended program must have been read.
pub const PROGRAM_OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// Time for each thing that the doctor tries.
pub const DOCTOR_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a system file that the doctor reads.
pub const MAX_SYSTEM_FILE_BYTES: u64 = 64 * 1024;

/// Difference between this clock and AWS's that the doctor warns of.
pub const CLOCK_WARN: Duration = Duration::from_secs(60);

/// Difference between this clock and AWS's from which on AWS refuses signatures.
pub const CLOCK_FAIL: Duration = Duration::from_secs(300);

/// Time that credentials should still be good for.
pub const CREDENTIALS_WARN: Duration = Duration::from_secs(15 * 60);

/// Free bytes below which the doctor warns.
pub const DISK_WARN_BYTES: u64 = 1024 * 1024 * 1024;

/// Free bytes below which the doctor fails a disk.
pub const DISK_FAIL_BYTES: u64 = 100 * 1024 * 1024;

/// File descriptors beside those of connections: logs, listeners, files of the store, programs.
pub const SPARE_FILES: usize = 128;
