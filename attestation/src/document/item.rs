//! CBOR items as they stand in a document, read without choosing a shape in advance.
//!
//! A shape chosen by `serde` would report every fault alike and would quietly take text for bytes or
//! numbers for names. Strings are borrowed from the input; those in chunks (RFC 8949 section 3.2.3) are
//! refused, as are floats and booleans.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// One CBOR item that borrows its strings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Unsigned(u64),
    Negative(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Self>),
    /// Pairs in the order of the input; the bounded scan has already refused duplicate keys.
    Map(Vec<(Self, Self)>),
    Null,
}

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an item of an attestation document")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Item<'de>, E> {
        Ok(Item::Unsigned(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Item<'de>, E> {
        Ok(Item::Negative(value))
    }

    fn visit_borrowed_bytes<E: de::Error>(self, value: &'de [u8]) -> Result<Item<'de>, E> {
        Ok(Item::Bytes(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Item<'de>, E> {
        Ok(Item::Text(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Item<'de>, E> {
        Ok(Item::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Item::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Item<'de>, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Item::Map(map))
    }
}
