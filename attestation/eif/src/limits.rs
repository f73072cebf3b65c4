//! Every bound of an image file, with its unit.

use strongroom_proto::cbor::Bounds;

/// Sections of an image, as its header has room for.
pub const MAX_SECTIONS: usize = 32;

/// Bytes of a whole image. Nitro Enclaves have no such bound; a file beyond it is no image of ours.
pub const MAX_IMAGE_BYTES: usize = 2 * 1024 * 1024 * 1024;

/// Bytes of the kernel's command line (`COMMAND_LINE_SIZE` of x86).
pub const MAX_COMMAND_LINE_BYTES: usize = 2048;

/// Bytes of the metadata.
pub const MAX_METADATA_BYTES: usize = 256 * 1024;

/// Bytes of the signature section, which holds a certificate and a signature as lists of numbers.
pub const MAX_SIGNATURE_BYTES: usize = 32 * 1024;

/// What the signature section may cost to decode: every byte of it may be a number of its own.
pub const SIGNATURE_CBOR: Bounds =
    Bounds { max_bytes: MAX_SIGNATURE_BYTES, max_depth: 4, max_items: MAX_SIGNATURE_BYTES };

/// Bytes of a path in a RAM disk.
pub const MAX_PATH_BYTES: usize = 255;

/// Entries of a RAM disk.
pub const MAX_ENTRIES: usize = 4096;
