//! Every bound of this crate, with its unit.

/// Longest policy that is read, in bytes (KMS API reference, `PutKeyPolicy`).
pub const MAX_POLICY_BYTES: usize = 32 * 1024;

/// Deepest nesting that is read, in objects and lists within each other. A policy has six: itself, its statements,
/// one of them, its conditions, one operator, the values.
pub const MAX_DEPTH: usize = 6;

/// Longest Sid that is repeated in a report, in characters.
pub const MAX_SID_CHARS: usize = 64;

/// Longest ARN that is taken for one, in bytes.
pub const MAX_ARN_BYTES: usize = 2048;

/// Bytes of a register: a SHA-384.
pub const REGISTER_BYTES: usize = 48;

/// Highest number of a register of a Nitro Enclave.
pub const MAX_REGISTER: u8 = 31;
