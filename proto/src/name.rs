//! Names that may become part of a path, a policy or a log line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A model name, version or deployment id: 1 to 64 of `a-z 0-9 . _ -`, the first a letter or digit.
///
/// It never contains a path separator and never is `..`, so the host can use it as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a name: 1 to 64 of a-z 0-9 . _ -, starting with a letter or digit")]
pub struct NameError;

/// Longest [`Name`], in bytes.
pub const MAX_NAME_BYTES: usize = 64;

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fits = text.len() <= MAX_NAME_BYTES && text.bytes().all(allowed);
        if starts_well && fits { Ok(Self(text)) } else { Err(NameError) }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which package of the store: a model and its version, written `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageId {
    /// The model.
    pub name: Name,
    /// Its version.
    pub version: Name,
}

impl PackageId {
    /// The file name of the package in a store.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{self}.sealed")
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl FromStr for PackageId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, version) = text.split_once('@').ok_or(NameError)?;
        Ok(Self { name: name.parse()?, version: version.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_a_folder() {
        for bad in ["", ".", "..", "../a", "a/b", "A", "é", "-a", &"a".repeat(65)] {
            assert_eq!(bad.parse::<Name>(), Err(NameError), "{bad}");
        }
        for good in ["a", "fraud", "0.1.0", "a_b-c.d", &"a".repeat(64)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn package_id_reads_what_it_writes() {
        let id: PackageId = "fraud@1.0".parse().unwrap();
        assert_eq!(id.to_string(), "fraud@1.0");
        assert_eq!(id.file_name(), "fraud@1.0.sealed");
        assert!("fraud".parse::<PackageId>().is_err());
        assert!("fraud@1@2".parse::<PackageId>().is_err());
    }
}
