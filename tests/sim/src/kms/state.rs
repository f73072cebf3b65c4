//! The keys that the simulated KMS holds, in memory and, if a directory is given, in one JSON file there.
//!
//! The file holds key material in the clear: it is the inside of a pretended KMS.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::error::{ApiError, ErrorKind};
use super::policy::Grant;

/// Name of the file inside the state directory.
const FILE_NAME: &str = "kms.json";

/// One key: for symmetric encryption, unless it signs.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key {
    /// Its UUID.
    pub id: String,
    /// Its full ARN.
    pub arn: String,
    /// The account that owns it.
    pub account: String,
    /// Free text of its owner.
    pub description: String,
    /// Whether it can be used.
    pub enabled: bool,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Its policy, as text.
    pub policy: String,
    /// Its grants.
    pub grants: Vec<Grant>,
    /// Where its material is said to come from: `AWS_KMS`, unless a test changed it.
    #[serde(default = "made_here")]
    pub origin: String,
    /// Whether it is said to be a multi-Region key.
    #[serde(default)]
    pub multi_region: bool,
    /// P-384 in PKCS#8, in hex, for a key that signs in place of encrypting.
    #[serde(default)]
    pub signing: Option<String>,
    /// AES-256, in hex.
    #[serde(with = "material")]
    pub material: [u8; 32],
}

/// The origin of a key that KMS made.
pub(crate) fn made_here() -> String {
    "AWS_KMS".to_owned()
}

/// All keys, and where they are kept.
pub struct Store {
    keys: BTreeMap<String, Key>,
    file: Option<PathBuf>,
}

impl Store {
    /// Opens the store of a directory, or an empty one that lives as long as the process.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn open(directory: Option<&Path>) -> io::Result<Self> {
        let file = directory.map(|d| d.join(FILE_NAME));
        let keys = match &file {
            Some(file) if file.exists() => serde_json::from_slice(&std::fs::read(file)?)?,
            _ => BTreeMap::new(),
        };
        Ok(Self { keys, file })
    }

    /// A key by its id or ARN.
    ///
    /// # Errors
    /// `NotFoundException`, also for aliases: none can exist here.
    pub fn find(&self, id_or_arn: &str) -> Result<&Key, ApiError> {
        let known = self.keys.values().find(|k| k.id == id_or_arn || k.arn == id_or_arn);
        known.ok_or_else(|| ApiError::new(ErrorKind::NotFound, format!("Key '{id_or_arn}' does not exist")))
    }

    /// Adds a key or replaces it, and writes the file.
    ///
    /// # Errors
    /// An internal error when the file cannot be written.
    pub fn put(&mut self, key: Key) -> Result<(), ApiError> {
        self.keys.insert(key.id.clone(), key);
        self.save().map_err(|_| ApiError::bare(ErrorKind::Internal))
    }

    /// Writes beside the old file and renames, so that a reader finds either state whole.
    fn save(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let beside = file.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec_pretty(&self.keys)?)?;
        std::fs::rename(beside, file)
    }
}

/// Random bytes.
///
/// # Errors
/// An internal error when the system has none.
pub fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ApiError::bare(ErrorKind::Internal))?;
    Ok(bytes)
}

/// A random UUID (RFC 9562 version 4).
///
/// # Errors
/// An internal error when the system has no randomness.
pub fn new_id() -> Result<String, ApiError> {
    let number =
        u128::from_be_bytes(random()?) & !(0xf000 << 64) & !(0xc000 << 48) | 0x4000 << 64 | 0x8000 << 48;
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

/// Key material as hex in JSON.
mod material {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let bytes = hex::decode(String::deserialize(from)?).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom("key material is not 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_uuids() {
        let id = new_id().unwrap();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
    }
}
