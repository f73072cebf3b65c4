//! Every bound of the simulated KMS, with its unit and, where it is KMS's own, the page that states it.

use std::time::Duration;

/// Longest request body, in bytes. An attestation document of 256 KiB in base64 fits.
pub(crate) const MAX_REQUEST_BYTES: usize = 512 * 1024;

/// Connections served at a time.
pub(crate) const MAX_CONNECTIONS: usize = 64;

/// Longest time from accepting a connection to its last answer.
pub(crate) const CONNECTION_TIME: Duration = Duration::from_secs(60);

/// Largest difference between a request's date and the server's (SigV4, "Elements of a request signature").
pub(crate) const MAX_SKEW: Duration = Duration::from_secs(5 * 60);

/// Longest plaintext of `Encrypt`, in bytes (KMS API reference).
pub(crate) const MAX_PLAINTEXT_BYTES: usize = 4096;

/// Longest `NumberOfBytes` of `GenerateDataKey` (KMS API reference).
pub(crate) const MAX_DATA_KEY_BYTES: usize = 1024;

/// Longest key policy, in bytes (KMS API reference).
pub(crate) const MAX_POLICY_BYTES: usize = 32 * 1024;

/// Longest attestation document, in bytes (KMS API reference, `RecipientInfo`).
pub(crate) const MAX_DOCUMENT_BYTES: usize = 262_144;

/// Grants on one page of `ListGrants` where the request does not say (KMS API reference).
pub(crate) const DEFAULT_GRANT_PAGE: usize = 50;

/// Most grants on one page of `ListGrants` (KMS API reference).
pub(crate) const MAX_GRANT_PAGE: usize = 100;

/// Most calls kept in the log; the oldest go first.
pub(crate) const MAX_CALLS: usize = 10_000;
