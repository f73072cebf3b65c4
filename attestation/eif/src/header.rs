//! The header of an image and the headers of its sections. Every number is big-endian.

use std::fmt;

use crate::error::EifError;
use crate::limits::MAX_SECTIONS;

/// Bytes of the image's header.
pub(crate) const HEADER_BYTES: usize = 548;
/// Bytes of the checksum, the header's last field.
pub(crate) const CHECKSUM_BYTES: usize = 4;

const MAGIC: &[u8; 4] = b".eif";
/// The version that is written; 3 lacks metadata and is only read.
const VERSION: u16 = 4;
const OLDEST_VERSION: u16 = 3;
/// Flags of an x86_64 image.
const FLAGS_X86_64: u16 = 0;
/// Memory and processors that an enclave gets when its host names none: what nitro-cli writes.
const DEFAULT_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
const DEFAULT_CPUS: u64 = 2;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionKind {
    /// The kernel (bzImage).
    Kernel,
    /// The kernel's command line.
    CommandLine,
    /// A RAM disk (newc archive).
    Ramdisk,
    /// The signature (CBOR).
    Signature,
    /// The metadata (JSON). The only section that is not measured, beside the signature.
    Metadata,
}

impl SectionKind {
    const fn code(self) -> u16 {
        match self {
            Self::Kernel => 1,
            Self::CommandLine => 2,
            Self::Ramdisk => 3,
            Self::Signature => 4,
            Self::Metadata => 5,
        }
    }

    fn from_code(code: u16) -> Option<Self> {
        [Self::Kernel, Self::CommandLine, Self::Ramdisk, Self::Signature, Self::Metadata]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Kernel => "kernel",
            Self::CommandLine => "command line",
            Self::Ramdisk => "RAM disk",
            Self::Signature => "signature",
            Self::Metadata => "metadata",
        })
    }
}

/// A section and its content.
pub(crate) type Section<'a> = (SectionKind, &'a [u8]);

/// Writes header and sections, the checksum last.
pub(crate) fn write(sections: &[Section<'_>]) -> Result<Vec<u8>, EifError> {
    if sections.len() > MAX_SECTIONS {
        return Err(EifError::Layout);
    }
    let mut body = Vec::new();
    let (mut offsets, mut sizes) = ([0_u64; MAX_SECTIONS], [0_u64; MAX_SECTIONS]);
    for ((section, offset), size) in sections.iter().zip(&mut offsets).zip(&mut sizes) {
        let (kind, content) = *section;
        *offset = (HEADER_BYTES + body.len()) as u64;
        *size = content.len() as u64;
        body.extend_from_slice(&kind.code().to_be_bytes());
        body.extend_from_slice(&0_u16.to_be_bytes());
        body.extend_from_slice(&size.to_be_bytes());
        body.extend_from_slice(content);
    }
    let count = u16::try_from(sections.len()).map_err(|_| EifError::Layout)?;
    let mut image = Vec::with_capacity(HEADER_BYTES + body.len());
    image.extend_from_slice(MAGIC);
    image.extend_from_slice(&VERSION.to_be_bytes());
    image.extend_from_slice(&FLAGS_X86_64.to_be_bytes());
    image.extend_from_slice(&DEFAULT_MEMORY_BYTES.to_be_bytes());
    image.extend_from_slice(&DEFAULT_CPUS.to_be_bytes());
    image.extend_from_slice(&0_u16.to_be_bytes());
    image.extend_from_slice(&count.to_be_bytes());
    offsets.iter().chain(&sizes).for_each(|number| image.extend_from_slice(&number.to_be_bytes()));
    image.extend_from_slice(&0_u32.to_be_bytes());
    let checksum = checksum(&image, &body);
    image.extend_from_slice(&checksum.to_be_bytes());
    image.append(&mut body);
    Ok(image)
}

/// CRC-32 (ISO-HDLC) over everything but the field that holds it.
fn checksum(before: &[u8], after: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(before);
    hasher.update(after);
    hasher.finalize()
}

/// Reads header and sections. Every byte of the file belongs to exactly one of them.
pub(crate) fn read(image: &[u8]) -> Result<Vec<Section<'_>>, EifError> {
    let mut reader = Reader(image);
    if reader.take(MAGIC.len()).ok() != Some(MAGIC.as_slice()) {
        return Err(EifError::NotAnImage);
    }
    let version = reader.u16()?;
    if !(OLDEST_VERSION..=VERSION).contains(&version) {
        return Err(EifError::Version(version));
    }
    // Flags, default memory and processors, and a reserved field concern whoever boots it.
    reader.take(2 + 8 + 8 + 2)?;
    let count = usize::from(reader.u16()?);
    if count > MAX_SECTIONS {
        return Err(EifError::Layout);
    }
    let mut numbers = || (0..MAX_SECTIONS).map(|_| reader.u64()).collect::<Result<Vec<_>, _>>();
    let (offsets, sizes) = (numbers()?, numbers()?);
    reader.take(4)?;
    let stated = reader.u32()?;
    let (before, after) = image.split_at_checked(HEADER_BYTES).ok_or(EifError::Layout)?;
    let before = before.get(..HEADER_BYTES - CHECKSUM_BYTES).ok_or(EifError::Layout)?;
    if checksum(before, after) != stated {
        return Err(EifError::Checksum);
    }
    let mut sections = Vec::with_capacity(count);
    for (offset, size) in offsets.into_iter().zip(sizes).take(count) {
        if offset != (image.len() - reader.0.len()) as u64 {
            return Err(EifError::Layout);
        }
        let (kind, _flags, length) = (reader.u16()?, reader.u16()?, reader.u64()?);
        if length != size {
            return Err(EifError::Layout);
        }
        let kind = SectionKind::from_code(kind).ok_or(EifError::Layout)?;
        sections.push((kind, reader.take(usize::try_from(length).map_err(|_| EifError::Layout)?)?));
    }
    if reader.0.is_empty() { Ok(sections) } else { Err(EifError::Layout) }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], EifError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(EifError::Layout)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EifError> {
        self.take(N)?.try_into().map_err(|_| EifError::Layout)
    }

    fn u16(&mut self) -> Result<u16, EifError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, EifError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, EifError> {
        self.array().map(u64::from_be_bytes)
    }
}
