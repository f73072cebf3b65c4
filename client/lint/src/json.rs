//! JSON, read more strictly than most readers do: a name that occurs twice in an object is an error, and nesting is
//! bounded.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::limits::MAX_DEPTH;

/// Any JSON. Numbers are kept as text, because a policy only ever compares them as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// Why bytes are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not JSON, or more than one value.
    Syntax,
    /// A name occurs twice in one object.
    Duplicate,
    /// Nested deeper than [`MAX_DEPTH`].
    Depth,
}

/// Reads one value and nothing after it.
pub(crate) fn read(bytes: &[u8]) -> Result<Json, JsonError> {
    let why = Cell::new(JsonError::Syntax);
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let value = Reader { depth: 0, why: &why }.deserialize(&mut from);
    value.and_then(|value| from.end().map(|()| value)).map_err(|_| why.get())
}

/// Reads a value at a depth. What is wrong beyond the syntax is left in `why`.
#[derive(Clone, Copy)]
struct Reader<'w> {
    depth: usize,
    why: &'w Cell<JsonError>,
}

impl Reader<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.refuse(JsonError::Depth));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn refuse<E: Error>(self, why: JsonError) -> E {
        self.why.set(why);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("json")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let inside = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = from.next_element_seed(inside)? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let inside = self.deeper()?;
        let mut object = BTreeMap::new();
        while let Some(name) = from.next_key::<String>()? {
            let value = from.next_value_seed(inside)?;
            if object.insert(name, value).is_some() {
                return Err(self.refuse(JsonError::Duplicate));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_twice_is_refused_at_any_depth_and_however_it_is_written() {
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert_eq!(read(twice.as_bytes()), Err(JsonError::Duplicate), "{twice}");
        }
        assert!(read(br#"{"a":{"a":1},"A":2}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(read(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::Depth));
        assert_eq!(read(nested(10_000).as_bytes()), Err(JsonError::Depth));
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for bad in
            [&b""[..], b"{", b"{} {}", b"{\"a\":1,}", b"\xff", b"\"\xff\"", b"{1:2}", b"\xef\xbb\xbf{}"]
        {
            assert_eq!(read(bad), Err(JsonError::Syntax), "{bad:?}");
        }
    }
}
