//! The config file. It holds paths and a URL, and never a key.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::terminal::Color;

/// Its fields, all of which may be absent. Relative paths are made relative to the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) url: Option<String>,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) measurements: Option<PathBuf>,
    pub(crate) api_key_file: Option<PathBuf>,
    pub(crate) receipts: Option<PathBuf>,
    pub(crate) color: Option<Color>,
}

/// What it may say, for who wrote something else.
const FIELDS: &str = "fields are url, trust, measurements, api_key_file, receipts and color";

/// Where the file is when nobody names one.
pub(super) fn usual_path() -> Option<PathBuf> {
    files::user_folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("config.toml"))
}

/// Whether a value that should be a path is a key by its looks.
pub(super) fn is_a_key(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().starts_with(strongroom_client::api_key::PREFIX.as_bytes())
}

impl File {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path, MAX_SMALL_FILE_BYTES)?;
        let wrong = |what: String| CliError::Config { path: path.to_owned(), what };
        let file = Self::parse(&text).map_err(wrong)?;
        Ok(file.beside(path.parent().unwrap_or(Path::new(""))))
    }

    /// Reads its text. What is wrong is told by its line: the text may hold a key that does not belong there.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("line {} cannot be used: {FIELDS}", 1 + before.matches('\n').count())
        })?;
        if file.api_key_file.as_deref().is_some_and(is_a_key) {
            return Err("api_key_file names the file of a key; no key belongs into this file".to_owned());
        }
        Ok(file)
    }

    fn beside(self, folder: &Path) -> Self {
        let beside = |path: Option<PathBuf>| path.map(|path| folder.join(path));
        Self {
            trust: beside(self.trust),
            measurements: beside(self.measurements),
            api_key_file: beside(self.api_key_file),
            receipts: beside(self.receipts),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The annotated example of the manual.
    fn example() -> String {
        let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md"));
        let manual = manual.unwrap();
        let (_, section) = manual.split_once("## Settings").unwrap();
        let (_, block) = section.split_once("```toml\n").unwrap();
        block.split_once("```").unwrap().0.to_owned()
    }

    #[test]
    fn the_annotated_example_of_the_manual_has_every_field() {
        let File { url, trust, measurements, api_key_file, receipts, color } =
            File::parse(&example()).unwrap();
        assert!(url.is_some() && trust.is_some() && measurements.is_some());
        assert!(api_key_file.is_some() && receipts.is_some() && color.is_some());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let file = File::parse("trust = \"t\"\nmeasurements = \"/m\"\nurl = \"u\"\n").unwrap();
        let file = file.beside(Path::new("/etc/strongroom"));
        assert_eq!(file.trust.as_deref(), Some(Path::new("/etc/strongroom/t")));
        assert_eq!(file.measurements.as_deref(), Some(Path::new("/m")));
        assert_eq!(file.url.as_deref(), Some("u"));
    }

    #[test]
    fn what_is_wrong_is_told_without_its_text() {
        for wrong in [
            "url = \"u\"\napi_key = \"sr_secret\"",
            "url = \"u\"\ncolor = \"sr_secret\"",
            "\nurl = sr_secret",
            "\n[sr_secret]",
        ] {
            let told = File::parse(wrong).unwrap_err();
            assert!(told.starts_with("line 2 ") && !told.contains("secret"), "{told}");
        }
        let told = File::parse("api_key_file = \"sr_secret\"").unwrap_err();
        assert!(told.contains("names the file") && !told.contains("secret"), "{told}");
        assert_eq!(File::parse(""), Ok(File::default()));
    }
}
