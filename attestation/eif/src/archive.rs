//! RAM disks: archives of the form "newc" (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! The same entries always give the same bytes: sorted by path, numbered from one, owned by root, dated at zero.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::EifError;
use crate::limits::{MAX_ENTRIES, MAX_PATH_BYTES};

const MAGIC: &[u8; 6] = b"070701";
const HEADER_BYTES: usize = 110;
/// Digits of one of the header's numbers.
const FIELD_DIGITS: usize = 8;
const TRAILER: &str = "TRAILER!!!";
/// Entries begin and end at multiples of this.
const ALIGNMENT: usize = 4;
/// A whole archive does at this, so that the next RAM disk begins where the kernel looks for it.
const ARCHIVE_ALIGNMENT: usize = 512;

const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_CHARACTER_DEVICE: u32 = 0o020_000;
const TYPE_LINK: u32 = 0o120_000;
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

/// Reads an uncompressed archive, so that what it says is what Linux unpacks.
///
/// The kernel bends what it does not like: it ends a number at what is no digit and a name at its first zero byte,
/// lets a later entry change an earlier one, and passes over others. Every archive in which it would is refused.
///
/// # Errors
/// [`EifError::Archive`].
pub fn entries(archive: &[u8]) -> Result<Vec<Entry<'_>>, EifError> {
    let (mut entries, mut paths, mut at) = (Vec::new(), BTreeSet::new(), 0);
    loop {
        let (entry, next) = read_entry(archive, at).ok_or(EifError::Archive)?;
        if entry.path == TRAILER {
            let rest = archive.get(next..).unwrap_or_default();
            return if rest.iter().all(|byte| *byte == 0) { Ok(entries) } else { Err(EifError::Archive) };
        }
        if entries.len() == MAX_ENTRIES || !is_plain(entry.path) || !paths.insert(entry.path) {
            return Err(EifError::Archive);
        }
        entries.push(entry);
        at = next;
    }
}

fn read_entry(archive: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let header = Header::read(archive.get(at..at.checked_add(HEADER_BYTES)?)?)?;
    let name_at = at + HEADER_BYTES;
    let name_end = name_at.checked_add(header.name_size)?;
    let path = std::str::from_utf8(archive.get(name_at..name_end)?.strip_suffix(&[0])?).ok()?;
    let content_at = name_end.checked_next_multiple_of(ALIGNMENT)?;
    let content_end = content_at.checked_add(header.size)?;
    let content = archive.get(content_at..content_end)?;
    let next = content_end.checked_next_multiple_of(ALIGNMENT)?;
    Some((Entry { path, kind: header.kind(), permissions: header.mode & !TYPE_MASK, content }, next))
}

/// The fields of an entry that concern a reader.
struct Header {
    mode: u32,
    size: usize,
    name_size: usize,
}

impl Header {
    fn read(header: &[u8]) -> Option<Self> {
        let (fields, _) = header.strip_prefix(MAGIC)?.as_chunks::<FIELD_DIGITS>();
        let fields: Vec<u32> = fields.iter().map(number).collect::<Option<_>>()?;
        let &[_, mode, _, _, links, _, size, _, _, _, _, name_size, _] = fields.as_slice() else {
            return None;
        };
        let kind = mode & TYPE_MASK;
        // Entries of one inode share their content, whichever comes last.
        let shared = links > 1 && kind != TYPE_DIRECTORY;
        // The kernel passes over any other entry that has content.
        let ignored = size > 0 && kind != TYPE_FILE && kind != TYPE_LINK;
        if shared || ignored {
            return None;
        }
        Some(Self { mode, size: usize::try_from(size).ok()?, name_size: usize::try_from(name_size).ok()? })
    }

    fn kind(&self) -> EntryKind {
        match self.mode & TYPE_MASK {
            TYPE_DIRECTORY => EntryKind::Directory,
            TYPE_FILE => EntryKind::File,
            TYPE_CHARACTER_DEVICE => EntryKind::CharacterDevice,
            _ => EntryKind::Other,
        }
    }
}

/// Eight digits and nothing else: Rust would take a plus as well, and the kernel stops at what is no digit.
fn number(digits: &[u8; FIELD_DIGITS]) -> Option<u32> {
    let plain = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    u32::from_str_radix(text, 16).ok()
}
