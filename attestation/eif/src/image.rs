//! An image: drafted from parts, or read from untrusted bytes.

use crate::error::EifError;
use crate::header::{self, Section, SectionKind};
use crate::limits::{
    MAX_COMMAND_LINE_BYTES, MAX_IMAGE_BYTES, MAX_METADATA_BYTES, MAX_SECTIONS, MAX_SIGNATURE_BYTES,
};
use crate::measure::Measurements;
use crate::metadata::Metadata;
use crate::signature::{Certificate, SignatureSection};

/// The parts of an image that is being made.
#[derive(Clone, Debug)]
pub struct Draft {
    kernel: Vec<u8>,
    command_line: String,
    metadata: Vec<u8>,
    ramdisks: Vec<Vec<u8>>,
}

impl Draft {
    /// Takes the parts. The first RAM disk is measured with the kernel (PCR1), the others apart (PCR2).
    ///
    /// # Errors
    /// [`EifError::Empty`], [`EifError::TooLong`], [`EifError::CommandLine`], [`EifError::NoRamdisk`] or
    /// [`EifError::Metadata`], each for the part that it names.
    pub fn new(
        kernel: Vec<u8>,
        command_line: String,
        metadata: &Metadata,
        ramdisks: Vec<Vec<u8>>,
    ) -> Result<Self, EifError> {
        let metadata = serde_json::to_vec(metadata).map_err(|_| EifError::Metadata)?;
        let draft = Self { kernel, command_line, metadata, ramdisks };
        check(&draft.sections())?;
        Ok(draft)
    }

    /// Kernel, command line, metadata, RAM disks: the order of AWS's own builder.
    fn sections(&self) -> Vec<Section<'_>> {
        let mut sections = vec![
            (SectionKind::Kernel, self.kernel.as_slice()),
            (SectionKind::CommandLine, self.command_line.as_bytes()),
            (SectionKind::Metadata, self.metadata.as_slice()),
        ];
        sections.extend(self.ramdisks.iter().map(|disk| (SectionKind::Ramdisk, disk.as_slice())));
        sections
    }

    /// The registers of the image; PCR8 when it is to be signed under `certificate`.
    #[must_use]
    pub fn measure(&self, certificate: Option<&Certificate>) -> Measurements {
        Measurements::of(&self.sections(), certificate.map(Certificate::der))
    }

    /// The image's bytes without a signature.
    ///
    /// # Errors
    /// [`EifError::Layout`] when there are too many RAM disks.
    pub fn unsigned(&self) -> Result<Vec<u8>, EifError> {
        header::write(&self.sections())
    }

    /// The image's bytes with a signature over its PCR0.
    ///
    /// # Errors
    /// [`EifError::OtherImage`] when the signature is over another one; [`EifError::Layout`].
    pub fn signed(&self, signature: &SignatureSection) -> Result<Vec<u8>, EifError> {
        if signature.pcr0() != self.measure(None).image.pcr0 {
            return Err(EifError::OtherImage);
        }
        let encoded = signature.encode()?;
        let mut sections = self.sections();
        sections.push((SectionKind::Signature, &encoded));
        header::write(&sections)
    }
}

/// An image that was read: well formed, its checksum and its signature, if any, right. Whether it does what it
/// should is not said.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    sections: Vec<Section<'a>>,
    signature: Option<SignatureSection>,
}

impl<'a> Image<'a> {
    /// Reads an image.
    ///
    /// # Errors
    /// Any [`EifError`] but those of an archive.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EifError> {
        if bytes.len() > MAX_IMAGE_BYTES {
            return Err(EifError::TooLong("the image"));
        }
        let sections = header::read(bytes)?;
        check(&sections)?;
        let signatures: Vec<_> = of_kind(&sections, SectionKind::Signature).collect();
        let signature = match signatures.as_slice() {
            [] => None,
            [signature] => Some(SignatureSection::decode(signature)?),
            _ => return Err(EifError::Needs(SectionKind::Signature)),
        };
        let image = Self { sections, signature };
        match &image.signature {
            Some(signature) if signature.pcr0() != image.measure().image.pcr0 => Err(EifError::OtherImage),
            _ => Ok(image),
        }
    }

    /// The registers that the hypervisor will hold.
    #[must_use]
    pub fn measure(&self) -> Measurements {
        let certificate = self.signature.as_ref().map(|signature| signature.certificate().der());
        Measurements::of(&self.sections, certificate)
    }

    /// The kernel's command line.
    #[must_use]
    pub fn command_line(&self) -> &str {
        let line = of_kind(&self.sections, SectionKind::CommandLine).next();
        line.and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default()
    }

    /// The kernel.
    #[must_use]
    pub fn kernel(&self) -> &'a [u8] {
        of_kind(&self.sections, SectionKind::Kernel).next().unwrap_or_default()
    }

    /// The RAM disks in order.
    pub fn ramdisks(&self) -> impl Iterator<Item = &'a [u8]> {
        of_kind(&self.sections, SectionKind::Ramdisk)
    }

    /// The metadata, if they are those of a version 4 image.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        let json = of_kind(&self.sections, SectionKind::Metadata).next()?;
        serde_json::from_slice(json).ok()
    }

    /// The signature, if it is signed. It verifies under its certificate; whose that is, is not said.
    #[must_use]
    pub fn signature(&self) -> Option<&SignatureSection> {
        self.signature.as_ref()
    }
}

fn of_kind<'s, 'a>(
    sections: &'s [Section<'a>],
    kind: SectionKind,
) -> impl Iterator<Item = &'a [u8]> + use<'s, 'a> {
    sections.iter().filter(move |(other, _)| *other == kind).map(|(_, content)| *content)
}

/// What every image must have, and no more of it than its bounds allow.
fn check(sections: &[Section<'_>]) -> Result<(), EifError> {
    let count = |kind| of_kind(sections, kind).count();
    for kind in [SectionKind::Kernel, SectionKind::CommandLine] {
        if count(kind) != 1 {
            return Err(EifError::Needs(kind));
        }
    }
    if count(SectionKind::Ramdisk) == 0 {
        return Err(EifError::NoRamdisk);
    }
    if count(SectionKind::Metadata) > 1 {
        return Err(EifError::Needs(SectionKind::Metadata));
    }
    if sections.len() > MAX_SECTIONS {
        return Err(EifError::Layout);
    }
    sections.iter().try_for_each(|(kind, content)| check_section(*kind, content))
}

fn check_section(kind: SectionKind, content: &[u8]) -> Result<(), EifError> {
    let (name, max_bytes) = match kind {
        SectionKind::Kernel => ("the kernel", MAX_IMAGE_BYTES),
        SectionKind::CommandLine => ("the command line", MAX_COMMAND_LINE_BYTES),
        SectionKind::Ramdisk => ("a RAM disk", MAX_IMAGE_BYTES),
        SectionKind::Signature => ("the signature", MAX_SIGNATURE_BYTES),
        SectionKind::Metadata => ("the metadata", MAX_METADATA_BYTES),
    };
    match content.len() {
        0 => Err(EifError::Empty(name)),
        bytes if bytes > max_bytes => Err(EifError::TooLong(name)),
        _ if kind == SectionKind::CommandLine && !content.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
            Err(EifError::CommandLine)
        }
        _ => Ok(()),
    }
}
