//! Searching memory, streams and files for many byte strings at once.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Bytes by which needles are told apart first. No needle may be shorter.
const PREFIX_BYTES: usize = 8;

/// Memory is read in pages where a mapping cannot be read whole.
const PAGE_BYTES: usize = 4096;

/// Bytes to look for, and what they are. They are public in a test, and so may be named.
#[derive(Clone)]
pub struct Needle {
    what: String,
    bytes: Vec<u8>,
}

impl Needle {
    /// These bytes under this name.
    pub fn new(what: impl Into<String>, bytes: &[u8]) -> Self {
        let what = what.into();
        assert!(is_telling(bytes), "{what} could not be told from filler");
        Self { what, bytes: bytes.to_vec() }
    }
}

impl Needle {
    /// This one in all forms.
    #[must_use]
    pub fn forms(&self) -> Vec<Self> {
        Self::in_all_forms(&self.what, &self.bytes)
    }

    /// The bytes as they are, in hexadecimal, and in base64 wherever they begin in what was encoded.
    #[must_use]
    pub fn in_all_forms(what: &str, bytes: &[u8]) -> Vec<Self> {
        let mut forms =
            vec![Self::new(what, bytes), Self::new(format!("{what}, in hex"), hex::encode(bytes).as_bytes())];
        for before in 0..3 {
            let shifted = [vec![0; before].as_slice(), bytes].concat();
            for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                // Characters that also hold bits of neighbours are left out.
                let (first, last) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
                forms.push(Self::new(format!("{what}, in base64"), &encoded.as_bytes()[first..last]));
            }
        }
        forms
    }
}

/// Whether bytes are too varied to occur by chance.
#[must_use]
pub fn is_telling(bytes: &[u8]) -> bool {
    bytes.iter().collect::<BTreeSet<_>>().len() >= PREFIX_BYTES
}

/// A set of needles, looked for together.
pub struct Needles {
    by_prefix: HashMap<[u8; PREFIX_BYTES], Vec<Needle>>,
    /// Which pairs of first bytes occur at all: most places are passed over by this alone.
    pairs: Vec<bool>,
}

impl Needles {
    /// These together.
    pub fn new(needles: impl IntoIterator<Item = Needle>) -> Self {
        let mut all = Self { by_prefix: HashMap::new(), pairs: vec![false; 1 << 16] };
        for needle in needles {
            let prefix: [u8; PREFIX_BYTES] = needle.bytes[..PREFIX_BYTES].try_into().unwrap();
            all.pairs[pair(&prefix)] = true;
            all.by_prefix.entry(prefix).or_default().push(needle);
        }
        assert!(!all.by_prefix.is_empty(), "nothing to look for");
        all
    }

    /// How many there are; never none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.by_prefix.values().map(Vec::len).sum()
    }

    /// What is found, each once.
    #[must_use]
    pub fn found_in(&self, haystacks: &[Vec<u8>]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for haystack in haystacks {
            for (place, window) in haystack.windows(PREFIX_BYTES).enumerate() {
                if !self.pairs[pair(window)] {
                    continue;
                }
                let Some(needles) = self.by_prefix.get(window) else { continue };
                let here = needles.iter().filter(|needle| haystack[place..].starts_with(&needle.bytes));
                found.extend(here.map(|needle| needle.what.clone()));
            }
        }
        found
    }
}

fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// Every readable mapping of a process. Mappings that follow one another are joined, so that nothing is
/// missed between two.
#[must_use]
pub fn memory_of(process: u32) -> Vec<Vec<u8>> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap_or_else(|error| {
        panic!("the memory of process {process} may not be read ({error}): run as root")
    });
    let mut mappings: Vec<Vec<u8>> = Vec::new();
    let mut last_end = 0;
    for line in maps.lines().filter(|line| !line.ends_with("[vsyscall]") && !line.contains("[vvar")) {
        let mut words = line.split_whitespace();
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let (start, end) = (address(start), address(end));
        if !words.next().unwrap().starts_with('r') {
            continue;
        }
        let bytes = read(&memory, start, usize::try_from(end - start).unwrap());
        match mappings.last_mut().filter(|_| last_end == start) {
            Some(before) => before.extend(bytes),
            None => mappings.push(bytes),
        }
        last_end = end;
    }
    let total: usize = mappings.iter().map(Vec::len).sum();
    assert!(total > 1 << 20, "only {total} bytes of process {process} could be read");
    mappings
}

/// Reads a mapping; pages that cannot be read, such as those past a file's end, count as zeros.
fn read(memory: &File, start: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if memory.read_exact_at(&mut bytes, start).is_ok() {
        return bytes;
    }
    let mut readable = 0;
    for (number, page) in bytes.chunks_mut(PAGE_BYTES).enumerate() {
        match memory.read_exact_at(page, start + (number * PAGE_BYTES) as u64) {
            Ok(()) => readable += 1,
            Err(_) => page.fill(0),
        }
    }
    assert!(readable > 0 || length <= 1 << 20, "a mapping of {length} bytes could not be read at all");
    bytes
}

/// Ordinary files that a process holds open, those without a name any more among them: name, and what is in them.
#[must_use]
pub fn open_files_of(process: u32) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
        let descriptor = entry.unwrap().path();
        // One that was closed meanwhile is not open.
        let Ok(named) = std::fs::read_link(&descriptor) else { continue };
        if std::fs::metadata(&descriptor).is_ok_and(|metadata| metadata.is_file()) {
            files.push((named, std::fs::read(&descriptor).unwrap()));
        }
    }
    files
}

/// All ordinary files below a folder.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_once_wherever_it_lies() {
        let needles = Needles::new([Needle::new("a", b"0123456789"), Needle::new("b", b"01234567xy")]);
        let at_ends = [b"--0123456789".to_vec(), b"0123456789--0123456789".to_vec(), b"01234567".to_vec()];
        assert_eq!(needles.found_in(&at_ends), BTreeSet::from(["a".to_owned()]));
        assert_eq!(needles.found_in(&[b"_01234567xy".to_vec()]), BTreeSet::from(["b".to_owned()]));
        assert!(needles.found_in(&[b"0123456788".to_vec()]).is_empty());
    }

    #[test]
    fn every_form_is_found_at_every_place_of_an_encoding() {
        let secret = b"sixteen telling bytes";
        let found = |haystack: String| {
            Needles::new(Needle::in_all_forms("it", secret)).found_in(&[haystack.into_bytes()])
        };
        for before in 0..7 {
            let whole = [vec![b'<'; before], secret.to_vec(), b">".to_vec()].concat();
            assert_eq!(found(STANDARD_NO_PAD.encode(&whole)), BTreeSet::from(["it, in base64".to_owned()]));
            assert_eq!(found(URL_SAFE_NO_PAD.encode(&whole)), BTreeSet::from(["it, in base64".to_owned()]));
            assert_eq!(found(hex::encode(&whole)), BTreeSet::from(["it, in hex".to_owned()]));
        }
        assert!(found(STANDARD_NO_PAD.encode(b"sixteen selling bytes")).is_empty());
    }
}
