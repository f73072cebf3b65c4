//! Encryption contexts: public names and values that a ciphertext of KMS is bound to.

use std::collections::{BTreeMap, HashMap};

use crate::error::KmsError;
use crate::limits::MAX_CONTEXT_BYTES;

/// A non-empty encryption context within the service's bounds. An empty one would bind a data key to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// Takes names and values.
    ///
    /// # Errors
    /// [`KmsError::Request`] when there is no pair, a name is empty or given twice, or all together are longer than
    /// [`MAX_CONTEXT_BYTES`].
    pub fn new<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, KmsError> {
        let (mut map, mut bytes) = (BTreeMap::new(), 0usize);
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            if name.is_empty() || map.insert(name, value).is_some() {
                return Err(KmsError::Request("encryption context name is empty or given twice"));
            }
        }
        if map.is_empty() || bytes > MAX_CONTEXT_BYTES {
            return Err(KmsError::Request("encryption context is empty or too long"));
        }
        Ok(Self(map))
    }

    pub(crate) fn to_sdk(&self) -> HashMap<String, String> {
        self.0.clone().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_doubled_and_oversized_contexts_are_refused() {
        assert!(EncryptionContext::new([("model", "m"), ("version", "")]).is_ok());
        assert!(EncryptionContext::new::<String, String>([]).is_err());
        assert!(EncryptionContext::new([("", "m")]).is_err());
        assert!(EncryptionContext::new([("a", "1"), ("a", "2")]).is_err());
        assert!(EncryptionContext::new([("a", "x".repeat(MAX_CONTEXT_BYTES))]).is_err());
    }
}
