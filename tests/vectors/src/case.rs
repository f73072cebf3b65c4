//! Vector files as they stand on disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One file: the cases of one format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorFile {
    /// Name of the format, and of the file without its ending.
    pub format: String,
    /// Where the format is described.
    pub spec: String,
    /// What is given to every case that does not give it itself: keys, times, demands.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub given: Map<String, Value>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// Bytes, and what a reader has to make of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Names the case within its file.
    pub name: String,
    /// Whether the bytes are accepted.
    pub valid: bool,
    /// What the reader needs beside the bytes.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub given: Map<String, Value>,
    /// The bytes in hexadecimal; absent where [`Case::file`] names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// What follows these bytes, where that is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Repeated>,
    /// A file that is no part of this repository, relative to the folder of the vectors. Where it is absent, the
    /// case is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether writers of this protocol would have written other bytes for the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other_spelling: bool,
    /// What the bytes hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Value>,
    /// Why the bytes are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the readers of this repository put it. Others need not say the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One byte, many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeated {
    /// The byte.
    pub byte: u8,
    /// How often it stands there.
    pub times: usize,
}

/// Why vectors could not be read.
#[derive(Debug)]
pub enum VectorError {
    /// The file cannot be read.
    File(std::io::Error),
    /// It is not a file of vectors.
    Json(serde_json::Error),
    /// Something in it is missing or not in its form.
    Given(String),
}

impl std::fmt::Display for VectorError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => write!(f, "cannot read vectors: {error}"),
            Self::Json(error) => write!(f, "not a file of vectors: {error}"),
            Self::Given(name) => write!(f, "the case does not give '{name}' in its form"),
        }
    }
}

impl VectorFile {
    /// The folder of the vectors.
    #[must_use]
    pub fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    /// Reads the file of one format.
    ///
    /// # Errors
    /// [`VectorError::File`] or [`VectorError::Json`].
    pub fn read(format: &str) -> Result<Self, VectorError> {
        let path = Self::folder().join(format).with_extension("json");
        let text = std::fs::read(path).map_err(VectorError::File)?;
        let mut file: Self = serde_json::from_slice(&text).map_err(VectorError::Json)?;
        for case in &mut file.cases {
            for (name, value) in &file.given {
                case.given.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(file)
    }
}

impl Case {
    /// The bytes; [`None`] where they stand in a file that is not there.
    ///
    /// # Errors
    /// [`VectorError::Given`].
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, VectorError> {
        match (&self.bytes, &self.file) {
            (Some(hex), None) => {
                let mut bytes = hex::decode(hex).map_err(|_| VectorError::Given("bytes".to_owned()))?;
                if let Some(Repeated { byte, times }) = self.then {
                    bytes.resize(bytes.len() + times, byte);
                }
                Ok(Some(bytes))
            }
            (None, Some(file)) => Ok(std::fs::read(VectorFile::folder().join(Path::new(file))).ok()),
            _ => Err(VectorError::Given("bytes".to_owned())),
        }
    }

    /// What is given under this name, if it is.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.given.get(name)
    }

    /// A text that is given.
    ///
    /// # Errors
    /// [`VectorError::Given`].
    pub fn text(&self, name: &str) -> Result<&str, VectorError> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| VectorError::Given(name.to_owned()))
    }

    /// A number that is given.
    ///
    /// # Errors
    /// [`VectorError::Given`].
    pub fn uint(&self, name: &str) -> Result<u64, VectorError> {
        self.get(name).and_then(Value::as_u64).ok_or_else(|| VectorError::Given(name.to_owned()))
    }

    /// Bytes that are given in hexadecimal.
    ///
    /// # Errors
    /// [`VectorError::Given`].
    pub fn hex(&self, name: &str) -> Result<Vec<u8>, VectorError> {
        hex::decode(self.text(name)?).map_err(|_| VectorError::Given(name.to_owned()))
    }

    /// So many bytes that are given in hexadecimal.
    ///
    /// # Errors
    /// [`VectorError::Given`].
    pub fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], VectorError> {
        self.hex(name)?.try_into().map_err(|_| VectorError::Given(name.to_owned()))
    }
}
