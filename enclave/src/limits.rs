//! Every bound of the enclave, with its unit.

use std::time::Duration;

/// Sessions held at once, of accepted API keys and of refused ones. Beyond it the longest unused one makes room.
pub const MAX_SESSIONS: usize = 10_000;

/// Locks that sessions are spread over.
pub const SESSION_SHARDS: usize = 16;

/// Time after which an unused session goes.
pub const SESSION_IDLE: Duration = Duration::from_secs(15 * 60);

/// Offers held at once. Beyond it the oldest goes.
pub const MAX_OFFERS: usize = 16_384;

/// Life of an offer; after it the batch's private key is zeroed.
pub const OFFER_LIFE: Duration = Duration::from_secs(60);

/// Time that the first hello of a batch waits for company.
pub const BATCH_WINDOW: Duration = Duration::from_millis(2);

/// Hellos that may wait for a document.
pub const MAX_WAITING_HELLOS: usize = 4096;

/// Messages that may wait for a core, beyond those that have one; and as many of each size that wait for memory first.
pub const MAX_WAITING_MESSAGES: usize = 512;

/// Quick messages that may wait for their turn.
pub const MAX_WAITING_QUICK: usize = 4096;

/// Requests beside it on a connection from which on a quick one takes turns, too. With fewer, everybody is served at once.
pub const CROWD: usize = 8;

/// Time that a message may wait for a core, and for the memory of its answer.
pub const MAX_TURN_WAIT: Duration = Duration::from_secs(20);

/// Time that those ahead are likely to take from which on a message is turned away at once. Less than it may wait, because what
/// is likely is not certain, and who is refused is to know it early.
pub const MAX_LIKELY_WAIT: Duration = Duration::from_secs(15);

/// Time that a message may wait for its model to be loaded.
pub const MAX_LOAD_WAIT: Duration = Duration::from_secs(5);

/// A run that is likely to take no longer needs no turn and no thread of its own.
pub const QUICK_RUN: Duration = Duration::from_micros(400);

/// How long a run that is likely to be quick waits for a place among such runs, before it takes a turn like any other.
pub const QUICK_WAIT: Duration = Duration::from_millis(5);

/// Bytes of the largest message that is opened or sealed where it was read: larger ones would keep others waiting.
pub const QUICK_BYTES: usize = 256 * 1024;

/// Requests of one connection that are read ahead or worked on.
pub const MAX_REQUESTS_PER_CONNECTION: usize = 256;

/// Connections from the host at once.
pub const MAX_CONNECTIONS: usize = 64;

/// Requests whose outcome is remembered, so that a retry is not served twice.
pub const MAX_REMEMBERED: usize = 4096;

/// Bytes of remembered outcomes.
pub const MAX_REMEMBERED_BYTES: usize = 16 * 1024 * 1024;

/// Time for the host to accept a connection.
pub const HOST_CONNECT: Duration = Duration::from_secs(10);

/// Time for the host to answer one request.
pub const HOST_ANSWER: Duration = Duration::from_secs(30);

/// Time between two attempts to reach the host at boot.
pub const HOST_RETRY: Duration = Duration::from_millis(50);

/// Attempts to reach the host at boot.
pub const HOST_ATTEMPTS: u32 = 600;

/// Bytes of the largest outcome that is remembered: a single one makes few others be forgotten.
pub const MAX_REMEMBERED_OUTCOME_BYTES: usize = MAX_REMEMBERED_BYTES / 16;

/// First pause before the first release, or a model of it, is tried again; it doubles up to [`MAX_RELEASE_RETRY`].
pub const MIN_RELEASE_RETRY: Duration = Duration::from_millis(250);

/// Longest pause before the first release, or a model of it, is tried again. An attempt costs an RSA key and a document.
pub const MAX_RELEASE_RETRY: Duration = Duration::from_secs(2);

/// Audit records that the host has not confirmed; beyond it nothing is answered.
pub const MAX_PENDING_RECORDS: usize = 16_384;

/// Time between two signed checkpoints of the audit log, while there are records.
pub const AUDIT_PERIOD: Duration = Duration::from_secs(1);

/// Time between two attempts to hand a batch of the audit log to the host.
pub const AUDIT_RETRY: Duration = Duration::from_millis(500);

/// Least time between two hand-overs of the enclave's state.
pub const STATE_PERIOD: Duration = Duration::from_secs(1);

/// Bytes of state that are handed over in a second, on average; large state is handed over less often.
pub const STATE_BYTES_PER_SECOND: u64 = 4 * 1024 * 1024;

/// Time between two attempts to hand a report to the host.
pub const REPORT_RETRY: Duration = Duration::from_secs(1);

/// Time between two looks whether a release states telemetry.
pub const REPORT_POLL: Duration = Duration::from_secs(1);

/// Bytes of the smallest sealed state.
pub const MIN_STATE_BYTES: usize = 4096;

/// KiB of message bodies held at once; further ones are refused unread.
pub const MAX_BODY_KIB: usize = 512 * 1024;

/// KiB of sealed answers that the host has not taken yet.
pub const MAX_ANSWER_KIB: usize = 512 * 1024;

/// Bytes of the largest body or answer that is small.
pub const SMALL_BYTES: usize = 64 * 1024;

/// KiB of bodies, and of answers, that larger ones leave to small ones, so that messages nobody finishes and models that take
/// long keep none of those waiting.
pub const SMALL_KIB: usize = 32 * 1024;

/// KiB that those above [`LARGE_BODY_BYTES`](strongroom_link::limits::LARGE_BODY_BYTES) leave to those up to it.
pub const MEDIUM_KIB: usize = 160 * 1024;

/// Time that an answer waits for room among them, before anything is charged; one that takes no core waits no longer in all.
pub const MAX_ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Time that a run waits for memory that others have been promised, while it keeps its core.
pub const MAX_ROOM_WAIT: Duration = Duration::from_secs(1);

/// Time that a model's loading waits for memory that runs have been promised, before it is tried again.
pub const MAX_LOAD_ROOM_WAIT: Duration = Duration::from_secs(20);

/// What loading a model holds at its highest, in percent of its weights: the file, what is decoded of it, and the plan.
pub const LOAD_FACTOR_PERCENT: u64 = 225;

/// Bytes that runs and loads leave to everything else, beside messages and answers and what each core may hold without asking.
pub const KEPT_BYTES: u64 = 64 * 1024 * 1024;

/// The part of a small machine's memory, as a divisor, that they leave in place of it; and, once more, in place of all that
/// messages and answers may take.
pub const KEPT_SHARE: u64 = 4;
