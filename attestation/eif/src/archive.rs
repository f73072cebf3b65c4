//! RAM disks: archives of the form "newc" (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! The same entries always give the same bytes: sorted by path, numbered from one, owned by root, dated at zero.

use std::collections::BTreeMap;

use crate::error::EifError;
use crate::limits::{MAX_ENTRIES, MAX_PATH_BYTES};

const MAGIC: &[u8; 6] = b"070701";
const HEADER_BYTES: usize = 110;
const TRAILER: &str = "TRAILER!!!";
/// Entries begin and end at multiples of this.
const ALIGNMENT: usize = 4;
/// A whole archive does at this, so that the next RAM disk begins where the kernel looks for it.
const ARCHIVE_ALIGNMENT: usize = 512;

const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_CHARACTER_DEVICE: u32 = 0o020_000;
const TYPE_MASK: u32 = 0o170_000;

/// An archive that is being made.
#[derive(Clone, Debug, Default)]
pub struct Archive(BTreeMap<String, Node>);

#[derive(Clone, Debug)]
struct Node {
    mode: u32,
    content: Vec<u8>,
    device: (u32, u32),
}

impl Archive {
    /// An archive without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// [`EifError::Path`].
    pub fn directory(self, path: &str, permissions: u32) -> Result<Self, EifError> {
        self.add(path, Node { mode: TYPE_DIRECTORY | permissions, content: Vec::new(), device: (0, 0) })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// [`EifError::Path`]; [`EifError::TooLong`] past 4 GiB.
    pub fn file(self, path: &str, permissions: u32, content: Vec<u8>) -> Result<Self, EifError> {
        if u32::try_from(content.len()).is_err() {
            return Err(EifError::TooLong("a file"));
        }
        self.add(path, Node { mode: TYPE_FILE | permissions, content, device: (0, 0) })
    }

    /// Adds a character device of these major and minor numbers.
    ///
    /// # Errors
    /// [`EifError::Path`].
    pub fn character_device(
        self,
        path: &str,
        permissions: u32,
        device: (u32, u32),
    ) -> Result<Self, EifError> {
        self.add(path, Node { mode: TYPE_CHARACTER_DEVICE | permissions, content: Vec::new(), device })
    }

    fn add(mut self, path: &str, node: Node) -> Result<Self, EifError> {
        let full = self.0.len() == MAX_ENTRIES;
        if full || !is_plain(path) || self.0.insert(path.to_owned(), node).is_some() {
            return Err(EifError::Path);
        }
        Ok(self)
    }

    /// The archive's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, (path, node)) in (1..).zip(&self.0) {
            write_entry(&mut out, number, path, node);
        }
        let end = Node { mode: 0, content: Vec::new(), device: (0, 0) };
        write_entry(&mut out, 0, TRAILER, &end);
        pad(&mut out, ARCHIVE_ALIGNMENT);
        out
    }
}

/// Relative, without empty parts or steps up, printable.
fn is_plain(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= MAX_PATH_BYTES
        && path != TRAILER
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && path.split('/').all(part)
}

fn write_entry(out: &mut Vec<u8>, number: u32, path: &str, node: &Node) {
    let links = if node.mode & TYPE_MASK == TYPE_DIRECTORY { 2 } else { 1 };
    let size = u32::try_from(node.content.len()).unwrap_or(u32::MAX);
    let name_size = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
    let (major, minor) = node.device;
    // Inode, mode, user, group, links, time, size, device, device number, size of the name, checksum.
    let fields = [number, node.mode, 0, 0, links, 0, size, 0, 0, major, minor, name_size, 0];
    out.extend_from_slice(MAGIC);
    fields.iter().for_each(|field| out.extend_from_slice(format!("{field:08x}").as_bytes()));
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    pad(out, ALIGNMENT);
    out.extend_from_slice(&node.content);
    pad(out, ALIGNMENT);
}

fn pad(out: &mut Vec<u8>, alignment: usize) {
    out.resize(out.len().next_multiple_of(alignment), 0);
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A character device.
    CharacterDevice,
    /// A link, socket, pipe or block device: nothing that an image of ours holds.
    Other,
}

/// An entry of an archive that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its path.
    pub path: &'a str,
    /// What it is.
    pub kind: EntryKind,
    /// Its permissions.
    pub permissions: u32,
    /// A file's content.
    pub content: &'a [u8],
}

/// Reads an uncompressed archive.
///
/// # Errors
/// [`EifError::Archive`].
pub fn entries(archive: &[u8]) -> Result<Vec<Entry<'_>>, EifError> {
    let (mut entries, mut at) = (Vec::new(), 0);
    loop {
        let (entry, next) = read_entry(archive, at).ok_or(EifError::Archive)?;
        if entry.path == TRAILER {
            let rest = archive.get(next..).unwrap_or_default();
            return if rest.iter().all(|byte| *byte == 0) { Ok(entries) } else { Err(EifError::Archive) };
        }
        if entries.len() == MAX_ENTRIES {
            return Err(EifError::Archive);
        }
        entries.push(entry);
        at = next;
    }
}

fn read_entry(archive: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let header = archive.get(at..at.checked_add(HEADER_BYTES)?)?;
    let numbers = header.strip_prefix(MAGIC)?;
    let field = |index: usize| {
        let digits = std::str::from_utf8(numbers.get(index * 8..index * 8 + 8)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (mode, size, name_size) =
        (field(1)?, usize::try_from(field(6)?).ok()?, usize::try_from(field(11)?).ok()?);
    let name_at = at + HEADER_BYTES;
    let name_end = name_at.checked_add(name_size)?;
    let path = std::str::from_utf8(archive.get(name_at..name_end)?.strip_suffix(&[0])?).ok()?;
    let content_at = name_end.checked_next_multiple_of(ALIGNMENT)?;
    let content_end = content_at.checked_add(size)?;
    let content = archive.get(content_at..content_end)?;
    let kind = match mode & TYPE_MASK {
        TYPE_DIRECTORY => EntryKind::Directory,
        TYPE_FILE => EntryKind::File,
        TYPE_CHARACTER_DEVICE => EntryKind::CharacterDevice,
        _ => EntryKind::Other,
    };
    let next = content_end.checked_next_multiple_of(ALIGNMENT)?;
    Some((Entry { path, kind, permissions: mode & !TYPE_MASK, content }, next))
}
