//! JSON as far as a request for embeddings can mean it: what it cannot is known to be there, and takes no memory.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value. No `Debug`: it is plaintext.
#[derive(Default)]
pub(super) enum Value {
    /// Null, or a field that is not there.
    #[default]
    Null,
    /// A whole number that is not negative.
    Number(u64),
    Text(String),
    List(Vec<Value>),
    /// Anything else.
    Other,
}

struct Reader;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small_and_objects_leave_nothing_behind() {
        assert!(size_of::<Value>() <= 32);
        let values: Vec<Value> =
            serde_json::from_str(r#"[{"a": ["b"]}, -1, 1.5, true, null, [0], "c"]"#).unwrap();
        let kinds = values.iter().map(|value| match value {
            Value::Null => 'n',
            Value::Number(_) => '0',
            Value::Text(_) => 't',
            Value::List(_) => 'l',
            Value::Other => '-',
        });
        assert_eq!(kinds.collect::<String>(), "----nlt");
    }
}
