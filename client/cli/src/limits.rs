//! Every bound of the command, with its unit.

use std::time::Duration;

use strongroom_seal::limits::MAX_CONTENT_BYTES;

/// Bytes of a file that holds a key, an API key or credentials.
pub(crate) const MAX_SECRET_FILE_BYTES: u64 = 16 * 1024;

/// Bytes of one request of `infer --lines`. A run has many, and each is held with its tensors.
pub(crate) const MAX_REQUEST_LINE_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes of any other small file: measurements, policy, trust file, roots, charter.
pub(crate) const MAX_SMALL_FILE_BYTES: u64 = 1024 * 1024;

/// Bytes of a policy, which may list 100 000 keys.
pub(crate) const MAX_POLICY_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of the record of a release: its policy as a JSON string, and what its models say of themselves.
pub(crate) const MAX_RECORD_FILE_BYTES: u64 = 2 * MAX_POLICY_BYTES + 64 * 1024 * 1024;

/// Bytes of a release bundle or another document that is inspected.
pub(crate) const MAX_DOCUMENT_BYTES: u64 = strongroom_proto::limits::MAX_RELEASE_BYTES as u64;

/// Bytes of an enclave image, or of a part of one.
pub(crate) const MAX_IMAGE_PART_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes of an ONNX file.
pub(crate) const MAX_MODEL_BYTES: u64 = MAX_CONTENT_BYTES;

/// Bytes from which on reading a file shows how far it is.
pub(crate) const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of a table of rows.
pub(crate) const MAX_TABLE_BYTES: u64 = 1024 * 1024 * 1024;

/// Rows that a model on this machine, or a suspect, is asked at once.
pub(crate) const BATCH_ROWS: usize = 256;

/// Bytes of one answer of a suspect service.
pub(crate) const MAX_SUSPECT_BYTES: usize = 64 * 1024 * 1024;

/// Time for one question to a suspect service and its whole answer.
pub(crate) const SUSPECT_TIME: Duration = Duration::from_secs(60);

/// Keys that never were, against which a key's noise is measured, at least.
pub(crate) const LEAST_DECOYS: u64 = 200;

/// And at most.
pub(crate) const MAX_DECOYS: u64 = 100_000;

/// Bytes of one file that a claim of provenance is about: training data may be large.
pub(crate) const MAX_PROVENANCE_FILE_BYTES: u64 = 1024 * 1024 * 1024 * 1024;

/// Bytes of one array of a samples file.
pub(crate) const MAX_SAMPLE_BYTES: u64 = 256 * 1024 * 1024;

/// Characters of a host name (RFC 1035 section 2.3.4: 255 octets with the lengths of its labels).
pub(crate) const MAX_HOST_NAME_CHARS: usize = 253;

/// Attempts to lock what is remembered, and the pause after each: writing it takes milliseconds.
pub(crate) const LOCK_ATTEMPTS: u32 = 50;
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// How far before now a release comes into force, for clocks that disagree.
pub(crate) const BACKDATE: Duration = Duration::from_secs(60);

/// Longest validity of a release, in days.
pub(crate) const MAX_VALID_DAYS: u64 = 366;

/// How long temporary credentials without a stated end are taken to last. AWS judges their real end.
pub(crate) const CREDENTIAL_TIME: Duration = Duration::from_secs(3600);

/// Time to open a TCP connection to KMS.
pub(crate) const KMS_CONNECT: Duration = Duration::from_secs(10);

/// Bytes that CBOR takes for one output beside its name, its shape and its elements.
pub(crate) const OUTPUT_OVERHEAD_BYTES: u64 = 64;

/// How long `incident` waits for enclaves when nothing else is said, in seconds.
pub(crate) const DEFAULT_ACKNOWLEDGE_SECONDS: u64 = 30;

/// How long it waits at most, in seconds.
pub(crate) const MAX_ACKNOWLEDGE_SECONDS: u64 = 3600;

/// Between two questions to one enclave. Evidence costs an enclave about a tenth of a second.
pub(crate) const ACKNOWLEDGE_PAUSE: Duration = Duration::from_millis(200);

/// For one question, with all its attempts.
pub(crate) const HELLO_TIME: Duration = Duration::from_secs(5);

/// Bytes of kept evidence.
pub(crate) const MAX_EVIDENCE_BYTES: u64 = strongroom_proto::limits::MAX_RELEASE_BYTES as u64;

/// Bytes of one line of a copy of the audit log.
pub(crate) const MAX_AUDIT_LINE_BYTES: u64 = 64 * 1024;

/// Records of one log that are named as changed or out of place.
pub(crate) const MAX_MISPLACED_RECORDS: usize = 100;

/// Places before and after its own at which a record that does not open is looked for.
pub(crate) const AUDIT_SEARCH_RECORDS: u64 = 64;

/// Bytes of one file of CloudTrail.
pub(crate) const MAX_CLOUDTRAIL_BYTES: u64 = 512 * 1024 * 1024;
