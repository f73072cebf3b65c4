//! What can be wrong with an image, or with the parts of one.

use crate::header::SectionKind;

/// Why an image was not read or not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EifError {
    /// It does not begin as an image does.
    #[error("not an enclave image file")]
    NotAnImage,
    /// A version that is not known here.
    #[error("image version {0} is not 3 or 4")]
    Version(u16),
    /// The header contradicts itself or the sections.
    #[error("the image's header does not fit its sections")]
    Layout,
    /// The file is damaged.
    #[error("the image's checksum does not fit")]
    Checksum,
    /// A section that must be there once.
    #[error("the image needs exactly one {0}")]
    Needs(SectionKind),
    /// No RAM disk.
    #[error("the image has no RAM disk")]
    NoRamdisk,
    /// A part beyond its bound.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// A part that is empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// The command line has other characters than printable ASCII.
    #[error("the kernel's command line is not printable ASCII on one line")]
    CommandLine,
    /// The metadata is not the JSON that it must be.
    #[error("the metadata is not what an image carries")]
    Metadata,
    /// The signature section is not one.
    #[error("the signature section does not hold one signature of PCR0")]
    Signature,
    /// The signature is over another PCR0.
    #[error("the signature is over another image")]
    OtherImage,
    /// The certificate is not PEM of one certificate.
    #[error("not one certificate in PEM")]
    Certificate,
    /// The certificate is of another key than ES384 signs with.
    #[error("the certificate is not of one P-384 key")]
    CertificateKey,
    /// The signature is not one by the certificate's key.
    #[error("the signature does not verify under the certificate")]
    NotSigned,
    /// A RAM disk is not a newc archive of plain entries.
    #[error("a RAM disk is not an archive of the form newc with plain entries")]
    Archive,
    /// A path that no archive of ours may hold.
    #[error("a path in a RAM disk is not relative, plain and unique")]
    Path,
}
