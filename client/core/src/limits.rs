//! Every bound of what a client reads and demands, with its unit.

use std::time::Duration;

use strongroom_proto::limits::MAX_RECORD_BYTES;

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

/// Values in that JSON, the elements of tensors not counted: those are never held as values.
pub const MAX_JSON_VALUES: usize = 16_384;

/// Bytes of all tensors of one request or response together; no record could carry more.
pub const MAX_TENSORS_BYTES: usize = MAX_RECORD_BYTES;

/// Bytes of the id that a JSON request carries and its response repeats.
pub const MAX_JSON_ID_BYTES: usize = 256;
