//! Every bound of the wire, with its unit. Both sides refuse what exceeds them.

use crate::cbor::Bounds;

/// Bytes of the largest padded request or answer record inside a message.
pub const MAX_RECORD_BYTES: usize = 128 * MIB;

/// Bytes of the largest body of one frame: a record and the headers around it.
pub const MAX_FRAME_BYTES: usize = MAX_RECORD_BYTES + 4 * KIB;

/// Bytes of an opening message. It precedes authentication, so a larger request waits for the session.
pub const MAX_OPENING_BYTES: usize = MIB;

/// Bytes of the evidence that a hello returns.
pub const MAX_EVIDENCE_BYTES: usize = 2 * MIB;

/// Bytes of a charter.
pub const MAX_CHARTER_BYTES: usize = 16 * KIB;

/// Bytes of a release bundle: the signed release, its public controls and its encrypted private part.
pub const MAX_RELEASE_BYTES: usize = 32 * MIB;

/// Bytes of the public controls of a release.
pub const MAX_CONTROLS_BYTES: usize = 256 * KIB;

/// Bytes of one range read of the package store.
pub const MAX_RANGE_BYTES: usize = 4 * MIB;

/// Bytes of one log line that the enclave hands to the host.
pub const MAX_LOG_LINE_BYTES: usize = KIB;

/// Bytes of small requests and answers between host and enclave: everything that has no bound of its own.
pub const MAX_SMALL_BYTES: usize = 64 * KIB;

/// Bytes of an enclave's sealed state, which its host keeps for the next boot.
pub const MAX_STATE_BYTES: usize = 33 * MIB;

/// Bytes of one batch of the audit log.
pub const MAX_AUDIT_BATCH_BYTES: usize = MIB;

/// Records of one batch of the audit log.
pub const MAX_AUDIT_BATCH_RECORDS: usize = 1000;

/// Bytes of one sealed record of the audit log; all have the same.
pub const AUDIT_RECORD_BYTES: usize = 512;

/// Hellos that one attestation document can serve.
pub const MAX_OFFERS_PER_DOCUMENT: usize = 256;

/// What a CBOR message in clear between client, host and enclave may cost.
pub const CLEAR_CBOR: Bounds =
    Bounds { max_bytes: MAX_RELEASE_BYTES + MAX_STATE_BYTES + 64 * KIB, max_depth: 4, max_items: 64 };

/// What a batch of the audit log may cost.
pub const AUDIT_CBOR: Bounds =
    Bounds { max_bytes: MAX_AUDIT_BATCH_BYTES, max_depth: 4, max_items: MAX_AUDIT_BATCH_RECORDS + 64 };

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
