//! Files: bounded reads, whole or no writes, keys for their owner's eyes alone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::limits::LARGE_FILE_BYTES;
use crate::progress;
use crate::secret::shown;

/// Our folder among those of the user: below what the variable names, else below that folder of the home (XDG base
/// directory specification: what is not absolute does not count).
pub(crate) fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))?;
    Some(folder.join("strongroom"))
}

/// Reads a file of at most `max_bytes`, or stdin for `-`. Wiped when dropped, because it may be anything.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    if path == Path::new("-") {
        return bounded(path, &mut io::stdin().lock(), 0, max_bytes);
    }
    let mut file = File::open(path).map_err(CliError::file(path))?;
    let length = file.metadata().map_err(CliError::file(path))?.len();
    bounded(path, &mut file, length, max_bytes)
}

fn bounded(path: &Path, from: &mut dyn Read, expected: u64, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    let progress = (expected >= LARGE_FILE_BYTES).then(|| progress::bytes("reading", expected));
    let mut from: Box<dyn Read + '_> = match &progress {
        Some(progress) => Box::new(progress.reader(from)),
        None => Box::new(from),
    };
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let capacity = usize::try_from(expected.min(max_bytes).saturating_add(1)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    from.by_ref().take(max_bytes + 1).read_to_end(&mut bytes).map_err(CliError::file(path))?;
    if bytes.len() as u64 > max_bytes {
        return Err(CliError::File { path: path.to_owned(), kind: io::ErrorKind::FileTooLarge });
    }
    Ok(bytes)
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<Zeroizing<String>> {
    let bytes = read(path, max_bytes)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| CliError::usage(format!("{} is not text", shown(path))))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Makes a folder that its owner alone may enter, unless there is one.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(CliError::file(path))
}

/// Writes a file that must not exist yet and that its owner alone may read, as `fill` says; where that fails, none is left.
pub(crate) fn fill_private<T>(path: &Path, fill: impl FnOnce(File) -> Result<T>) -> Result<T> {
    filled(path, 0o600, fill)
}

/// Writes a file that must not exist yet and that its owner alone may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    filled(path, 0o600, |file| all(file, path, bytes))
}

/// Writes a file that must not exist yet and that anybody may read.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    filled(path, 0o644, |file| all(file, path, bytes))
}

fn filled<T>(path: &Path, mode: u32, fill: impl FnOnce(File) -> Result<T>) -> Result<T> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::Exists(path.to_owned()),
        kind => CliError::File { path: path.to_owned(), kind },
    })?;
    fill(file).inspect_err(|_| {
        // Half a file would pass for a whole one, and stand in the way of the next attempt.
        let _ = std::fs::remove_file(path);
    })
}

fn all(mut file: File, path: &Path, bytes: &[u8]) -> Result<()> {
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(CliError::file(path))
}

/// A file that appears under its name only when it is whole.
pub(crate) struct Staged {
    path: PathBuf,
    partial: PathBuf,
    file: Option<File>,
}

impl Staged {
    /// Starts to write the file that will be called `path`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        // What a killed process has left, perhaps of this very number, stands in nobody's way.
        let mut unlike_others = [0; 8];
        SystemRandom::new().fill(&mut unlike_others).map_err(|_| CliError::Random)?;
        name.push(format!(".{}.partial", hex::encode(unlike_others)));
        let partial = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&partial);
        let file = file.map_err(CliError::file(path))?;
        Ok(Self { path: path.to_owned(), partial, file: Some(file) })
    }

    /// Gives the file its name, in place of an older one.
    pub(crate) fn finish(mut self) -> Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let named = file.sync_all().and_then(|()| std::fs::rename(&self.partial, &self.path));
        named.map_err(|error| {
            let _ = std::fs::remove_file(&self.partial);
            CliError::File { path: self.path.clone(), kind: error.kind() }
        })
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Err(io::ErrorKind::NotConnected.into()), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// Writes a whole file at once, or none.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut staged = Staged::create(path)?;
    staged.write_all(bytes).map_err(CliError::file(path))?;
    staged.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_could_not_be_filled_is_gone_and_an_older_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let torn = |mut file: File| {
            file.write_all(b"one\n").map_err(CliError::file(&path))?;
            Err::<(), _>(CliError::Random)
        };
        assert!(matches!(fill_private(&path, torn), Err(CliError::Random)));
        assert!(!path.exists());
        write_new(&path, b"whole").unwrap();
        for again in [write_new(&path, b"new"), write_private(&path, b"new"), fill_private(&path, torn)] {
            assert!(matches!(again, Err(CliError::Exists(_))));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }
}
