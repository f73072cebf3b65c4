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

/// Tokens of one inference for embeddings with their padding, unless it has one row: 24 MiB of tensors.
pub(crate) const MAX_BATCH_TOKENS: usize = 1024 * 1024;

/// Bytes of all small requests that are held at once, as they came or as what they hold takes, whichever is more.
pub(crate) const SMALL_ROOM_BYTES: usize = 64 * 1024 * 1024;

/// The same of all large ones: four of the largest size.
pub(crate) const LARGE_ROOM_BYTES: usize = 4 * MAX_BODY_BYTES;

/// Bytes up to which a request is a small one.
pub(crate) const SMALL_BODY_BYTES: usize = 256 * 1024;

/// Bytes of a body of unknown length that are read before room is taken for the largest.
pub(crate) const UNANNOUNCED_BYTES: usize = SMALL_BODY_BYTES / JSON_TREE_BYTES;

/// Bytes for which one permit of the room stands.
pub(crate) const ROOM_UNIT_BYTES: usize = 1024;

/// Time for which a request waits for room.
pub(crate) const ROOM_WAIT: Duration = Duration::from_secs(10);

/// When a request that found no room may come back.
pub(crate) const COME_BACK_AFTER: Duration = Duration::from_secs(2);

/// Time in which a body has to be there once there is room for it.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(60);

/// Most bytes that one byte of gzip or deflate unpacks to (RFC 1951: 258 bytes from two bits), rounded up.
pub(crate) const MAX_UNPACKED_OF_ONE: usize = 1032;

/// Most bytes of a tensor that one byte of its JSON becomes: `0,` is a number of 8.
pub(crate) const JSON_TENSOR_BYTES: usize = 4;

/// Most bytes of memory that one byte of JSON takes where it is read as a tree: `0,` is a node of 32.
pub(crate) const JSON_TREE_BYTES: usize = 16;

/// Most bytes that one byte of a number of variable length becomes: `0` of an INT64.
pub(crate) const VARINT_BYTES: usize = 8;

/// Fields of a message of gRPC beside the elements of its tensors.
pub(crate) const MAX_MESSAGE_FIELDS: usize = 16_384;

/// Bytes that the typed lists of a message of gRPC take once they are decoded.
pub(crate) const MAX_LIST_BYTES: usize = MAX_BODY_BYTES;

/// Bytes of a refused body that are read and dropped, so that its sender gets to read the refusal.
pub(crate) const MAX_DISCARDED_BYTES: usize = 2 * MAX_BODY_BYTES;

/// Time in which they are.
pub(crate) const DISCARD_TIME: Duration = Duration::from_secs(10);

/// Bytes from which reading or writing a body leaves the threads that serve connections.
pub(crate) const LARGE_BYTES: usize = 256 * 1024;

/// Age of the last sign of life of the enclave at which a probe has it looked for; all probes share one look.
pub(crate) const CHECK_AFTER: Duration = Duration::from_secs(2);

/// Time in which a verified enclave has to answer then.
pub(crate) const CHECK_TIME: Duration = Duration::from_secs(3);

/// Longest answer to a probe, whatever it asks.
pub(crate) const READY_TIME: Duration = Duration::from_secs(5);

/// Answers of one stream that wait for a caller who reads slowly.
pub(crate) const STREAMED_ANSWERS: usize = 4;

/// Connections at once; more are closed at once. Below the 1024 descriptors that a process has unless it is given more.
pub(crate) const MAX_CONNECTIONS: usize = 768;

/// Time for which a connection may be open without a request that is whole or being answered, a half-sent head included.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(60);

/// Time for which an answer may not move while it is awaited or sent; above that of an inference with all its attempts.
pub(crate) const STALLED_TIME: Duration = Duration::from_secs(300);

/// Bytes of an answer that are handed on at once.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;

/// Requests at once over one connection of HTTP/2.
pub(crate) const MAX_STREAMS: u32 = 256;

/// Bytes of a request's head.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Pause after a connection could not be accepted.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time for which requests that have begun are finished after a stop.
pub(crate) const STOP_TIME: Duration = Duration::from_secs(15);
