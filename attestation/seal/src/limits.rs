//! Every bound of sealed things, with its unit.

use strongroom_proto::cbor::Bounds;
use strongroom_proto::limits::MAX_RECORD_BYTES;

/// Tensors of one request or answer, and inputs or outputs of one model.
pub const MAX_TENSORS: usize = 64;

/// Dimensions of a tensor.
pub const MAX_RANK: usize = 8;

/// Entries of a list of bounds in a schema, one a feature.
pub const MAX_FEATURES: usize = 4096;

/// Claims of one model about how it was made.
pub const MAX_CLAIMS: usize = 16;

/// Files or settings that one claim lists.
pub const MAX_CLAIM_ENTRIES: usize = 64;

/// Bytes of one text of a claim.
pub const MAX_CLAIM_TEXT_BYTES: usize = 256;

/// Declared risk fields of one request.
pub const MAX_RISK_FIELDS: usize = 16;

/// Bytes of a tensor name.
pub const MAX_TENSOR_NAME_BYTES: usize = 128;

/// Bytes of one element of a BYTES tensor.
pub const MAX_STRING_BYTES: usize = 1024 * 1024;

/// Bytes of padding that a body keeps behind it when it is held for longer; more is worth a copy.
pub const MAX_KEPT_PADDING_BYTES: usize = 1024 * 1024;

/// Bytes of a signed document other than a release: manifest, charter.
pub const MAX_SIGNED_BYTES: usize = 64 * 1024;

/// Bytes of plaintext in one chunk of a package when the owner asks for nothing else.
pub const DEFAULT_CHUNK_BYTES: u32 = 1024 * 1024;

/// Fewest bytes of plaintext in one chunk of a package.
pub const MIN_CHUNK_BYTES: u32 = 4 * 1024;

/// Most bytes of plaintext in one chunk of a package: with its tag it must fit one range read.
pub const MAX_CHUNK_BYTES: u32 = 2 * 1024 * 1024;

/// Bytes of the plaintext of a package.
pub const MAX_CONTENT_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Operators that a model may hold beside those that every model may.
pub const MAX_OPERATORS: usize = 64;

/// Bytes of the name of such an operator, with its domain.
pub const MAX_OPERATOR_BYTES: usize = 128;

/// Bytes of a KMS ciphertext blob of a data key.
pub const MAX_WRAPPED_KEY_BYTES: usize = 6144;

/// Bytes of the header of a package: signed manifest, wrapped key and key ARN.
pub const MAX_PACKAGE_HEADER_BYTES: usize = MAX_SIGNED_BYTES + MAX_WRAPPED_KEY_BYTES + 4 * 1024;

/// What a sealed request or answer may cost to decode.
pub const SEALED_CBOR: Bounds = Bounds { max_bytes: MAX_RECORD_BYTES, max_depth: 6, max_items: 4096 };

/// What a manifest or package header may cost to decode.
pub const DOCUMENT_CBOR: Bounds =
    Bounds { max_bytes: MAX_PACKAGE_HEADER_BYTES, max_depth: 8, max_items: 4096 };

/// Bytes of the smallest padded record.
pub const MIN_RECORD_BYTES: usize = 1024;

/// Bytes of a padded record that AES-256-GCM and the length prefix take.
pub const RECORD_OVERHEAD_BYTES: usize = 4 + 16;
