//! Enclave image files (EIF): what the Nitro hypervisor boots and measures.
//!
//! An image is a kernel, its command line, RAM disks, metadata and, if it is signed, a signature. This crate
//! writes one from parts, reads one from untrusted bytes and computes the registers that the hypervisor will
//! hold, so that an image is measured before anyone runs it. The format is that of AWS's
//! `aws-nitro-enclaves-image-format`, version 4. Bytes in, bytes out: no files, no clock, no keys.

pub mod archive;
mod error;
mod header;
mod image;
pub mod limits;
mod measure;
mod metadata;
mod signature;

pub use error::EifError;
pub use header::SectionKind;
pub use image::{Draft, Image};
pub use measure::Measurements;
pub use metadata::{BuildMetadata, Metadata};
pub use signature::{Certificate, SIGNATURE_BYTES, SignatureSection};

#[cfg(test)]
mod tests;
