//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Longest HTTP body accepted from KMS, in bytes. The largest real answer is a key policy: 32 KiB of JSON,
/// escaped once more inside JSON.
pub const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// Longest `CiphertextForRecipient`, in bytes (`CiphertextType` of the KMS API reference).
pub const MAX_CMS_BYTES: usize = 6144;

/// Most bytes in one OCTET STRING of a chunked content, as KMS writes it.
pub const MAX_CMS_CHUNK_BYTES: usize = 1000;

/// Longest wrapped data key, in bytes (`CiphertextBlob` of the KMS API reference).
pub const MAX_WRAPPED_KEY_BYTES: usize = 6144;

/// Longest attestation document that KMS takes, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 262_144;

/// Length of a data key, in bytes (AES-256).
pub const DATA_KEY_BYTES: usize = 32;

/// Longest key policy that KMS takes, in bytes.
pub const MAX_POLICY_BYTES: usize = 32 * 1024;

/// Most (image, charter) pairs in one generated policy; with this many it stays within [`MAX_POLICY_BYTES`].
pub const MAX_POLICY_PAIRS: usize = 32;

/// Grants asked for at a time. A page of them, with the longest constraints, stays within [`MAX_ANSWER_BYTES`].
pub const GRANTS_PER_PAGE: i32 = 50;

/// Most pages of grants read.
pub const MAX_GRANT_PAGES: usize = 20;

/// Longest encryption context, in bytes of all names and values together.
pub const MAX_CONTEXT_BYTES: usize = 8192;

/// Longest ARN read, in bytes.
pub const MAX_ARN_BYTES: usize = 2048;

/// Attempts per operation, the first one included.
pub const MAX_ATTEMPTS: u32 = 3;

/// Wait before the second attempt; later waits double and are randomized.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// Longest wait between two attempts.
pub const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Longest time for one attempt: dialling, TLS, request and whole answer.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(10);

/// Longest time for one operation with all its attempts.
pub const OPERATION_TIME: Duration = Duration::from_secs(30);

/// Credentials this close to their expiry count as expired, so that they do not lapse on the way.
pub const CREDENTIAL_MARGIN: Duration = Duration::from_secs(30);
