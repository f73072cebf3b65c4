//! Every bound of an attestation document and of a request to the NSM, with its unit.
//!
//! Sizes are those of AWS's document specification (attestation_process.md, sections 3.1 and 3.2.2.2).

use std::time::Duration;

use strongroom_proto::cbor::Bounds;

/// Bytes of the payload of a document.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024;

/// Bytes of a whole document: the payload, and what COSE puts around it.
pub const MAX_DOCUMENT_BYTES: usize = MAX_PAYLOAD_BYTES + 128;

/// Bytes of an ES384 signature: r ‖ s (RFC 9053 section 2.1).
pub const SIGNATURE_BYTES: usize = 96;

/// Bytes of one certificate.
pub const MAX_CERTIFICATE_BYTES: usize = 1024;

/// Certificates of a bundle, the root included. A path of webpki has at most six intermediates.
pub const MAX_CABUNDLE_ENTRIES: usize = 7;

/// Certificate paths that are remembered for each root: one for each enclave that a client meets, and their successors.
pub const MAX_KNOWN_PATHS: usize = 64;

/// Number of PCRs of an enclave; indexes run from 0.
pub const PCR_COUNT: usize = 32;

/// Bytes of `user_data`.
pub const MAX_USER_DATA_BYTES: usize = 512;

/// Bytes of `nonce`.
pub const MAX_NONCE_BYTES: usize = 512;

/// Bytes of `public_key`.
pub const MAX_PUBLIC_KEY_BYTES: usize = 1024;

/// How far a document's time may lie ahead of the verifier's, for clocks that disagree.
pub const MAX_FUTURE_SKEW: Duration = Duration::from_secs(60);

/// Cost of the COSE_Sign1 array: itself and four elements, with room for headers whose fault is then named.
pub(crate) const ENVELOPE_CBOR: Bounds =
    Bounds { max_bytes: MAX_DOCUMENT_BYTES, max_depth: 3, max_items: 16 };

/// Cost of the protected header: one pair of integers, with the same room.
pub(crate) const HEADER_CBOR: Bounds = Bounds { max_bytes: 64, max_depth: 2, max_items: 16 };

/// Cost of the payload: its map, 18 keys and values, and the contents of `pcrs` and `cabundle`, with room
/// for one too many of each, so that the fault can be named.
pub(crate) const PAYLOAD_CBOR: Bounds = Bounds { max_bytes: MAX_PAYLOAD_BYTES, max_depth: 3, max_items: 128 };

/// Images of one document of published measurements.
pub const MAX_PUBLISHED: usize = 16;

/// Bytes of a document of published measurements.
pub const MAX_PUBLISHED_BYTES: usize = 32 * 1024;
