//! What the benchmarks of the parts share: the conformance vectors, which are documents as an enclave writes them.

use std::path::Path;

use serde_json::Value;

/// A valid case of a format in `tests/vectors`: its bytes, and what they are judged with.
pub struct Vector {
    given: Value,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Vector {
    /// The first case of the format, which is valid.
    ///
    /// # Panics
    /// Where the vectors are not there.
    #[must_use]
    pub fn first(format: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../vectors/{format}.json"));
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let bytes = hex::decode(file["cases"][0]["bytes"].as_str().unwrap()).unwrap();
        Self { given: file["given"].clone(), bytes }
    }

    /// A text that it is judged with.
    ///
    /// # Panics
    /// Where there is none of this name.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.given[name].as_str().unwrap()
    }

    /// Bytes that it is judged with.
    ///
    /// # Panics
    /// Where there are none of this name.
    #[must_use]
    pub fn hex(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }

    /// A number that it is judged with.
    ///
    /// # Panics
    /// Where there is none of this name.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.given[name].as_u64().unwrap()
    }
}
