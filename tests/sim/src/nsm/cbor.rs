//! CBOR items as they shall be written, the faulty included: a map may name a key twice.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cbor {
    /// A number from zero.
    Unsigned(u64),
    /// A number below zero.
    Negative(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// A map of stated length, in this order.
    Map(Vec<(Self, Self)>),
    /// The same, ended by a break.
    IndefiniteMap(Vec<(Self, Self)>),
    /// Null.
    Null,
}

impl Cbor {
    /// A text string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A byte string, or null where there is none, as the real module writes it.
    #[must_use]
    pub fn bytes_or_null(bytes: Option<&[u8]>) -> Self {
        bytes.map_or(Self::Null, |bytes| Self::Bytes(bytes.to_vec()))
    }
}

impl Serialize for Cbor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Negative(value) => serializer.serialize_i64(*value),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut array = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| array.serialize_element(item))?;
                array.end()
            }
            Self::Map(pairs) => write_map(serializer, pairs, Some(pairs.len())),
            Self::IndefiniteMap(pairs) => write_map(serializer, pairs, None),
            Self::Null => serializer.serialize_none(),
        }
    }
}

fn write_map<S: Serializer>(
    serializer: S,
    pairs: &[(Cbor, Cbor)],
    length: Option<usize>,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(length)?;
    pairs.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
    map.end()
}
