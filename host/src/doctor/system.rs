//! Where the doctor looks for files of the system.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits::MAX_SYSTEM_FILE_BYTES;

/// A machine's file tree and the folders of its programs.
#[derive(Clone, Debug)]
pub struct System {
    root: PathBuf,
    programs: Vec<PathBuf>,
}

impl System {
    /// This machine.
    #[must_use]
    pub fn real() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self { root: PathBuf::from("/"), programs: std::env::split_paths(&path).collect() }
    }

    /// A tree that stands for a machine, with its programs in `usr/bin`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), programs: vec![root.join("usr/bin")] }
    }

    /// Where an absolute path of the machine is.
    pub(super) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// The beginning of a text file.
    pub(super) fn read(&self, absolute: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.path(absolute))?.take(MAX_SYSTEM_FILE_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Names in a folder; none when it is not there.
    pub(super) fn names(&self, absolute: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(absolute)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// A program by its name, or by its path if it has one.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| path.is_file());
        }
        self.programs.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }
}
