//! JSON (RFC 8259) with numbers kept as their text, so that each datatype rounds them once, or not at all.
//!
//! Strict: no duplicate names, nothing after the value, bounded nesting and a bounded number of values. The `data` of a
//! tensor, which may have millions of elements, becomes no value at all: [`super::data`] reads it straight into bytes.

use std::collections::BTreeMap;

use super::OipError;
use crate::limits::{MAX_JSON_DEPTH, MAX_JSON_VALUES};

/// Nesting at which the `data` of a tensor stands: inside a tensor, inside a list, inside the body.
const DATA_DEPTH: usize = 3;

/// A value; numbers and keys borrow nothing that outlives the text.
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(&'a str),
    Text(String),
    List(Vec<Json<'a>>),
    Object(BTreeMap<String, Json<'a>>),
    /// The list under `data` of a tensor, of which nothing but the end is known yet.
    Data(Reader<'a>),
}

/// Reads exactly one value.
pub(super) fn read(bytes: &[u8]) -> Result<Json<'_>, OipError> {
    let text = std::str::from_utf8(bytes).map_err(|error| syntax(bytes, error.valid_up_to()))?;
    let mut reader = Reader { text, at: 0, values: 0 };
    let value = reader.value(0).filter(|_| reader.peek().is_none());
    if reader.values > MAX_JSON_VALUES {
        return Err(OipError::TooMany);
    }
    value.ok_or_else(|| reader.syntax())
}

fn syntax(bytes: &[u8], at: usize) -> OipError {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    OipError::Syntax { line, column: at - line_start + 1 }
}

/// A place in the text.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Values that were built so far.
    values: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is not white space, left unread.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let space = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += space;
        rest.as_bytes().get(space).copied()
    }

    /// What is wrong here.
    pub(super) fn syntax(&self) -> OipError {
        syntax(self.text.as_bytes(), self.at)
    }

    /// What is left of the text.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Reads one byte after white space, if it is this one.
    pub(super) fn skip(&mut self, expected: u8) -> Option<()> {
        let found = self.peek()? == expected;
        self.at += usize::from(found);
        found.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        self.values += 1;
        match self.peek()? {
            _ if depth > MAX_JSON_DEPTH || self.values > MAX_JSON_VALUES => None,
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            _ => self.scalar(),
        }
    }

    /// A value that holds no others.
    pub(super) fn scalar(&mut self) -> Option<Json<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Json::Text),
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found.then_some(value)
    }

    fn list(&mut self, depth: usize) -> Option<Json<'a>> {
        self.skip(b'[')?;
        let mut list = Vec::new();
        if self.skip(b']').is_some() {
            return Some(Json::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            if self.skip(b',').is_none() {
                return self.skip(b']').map(|()| Json::List(list));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json<'a>> {
        self.skip(b'{')?;
        let mut map = BTreeMap::new();
        if self.skip(b'}').is_some() {
            return Some(Json::Object(map));
        }
        loop {
            self.peek()?;
            let name = self.string()?;
            self.skip(b':')?;
            let data = name == "data" && depth + 1 == DATA_DEPTH && self.peek()? == b'[';
            let value = if data { self.data()? } else { self.value(depth + 1)? };
            if map.insert(name, value).is_some() {
                return None;
            }
            if self.skip(b',').is_none() {
                return self.skip(b'}').map(|()| Json::Object(map));
            }
        }
    }

    /// Finds the end of a list by its brackets, and leaves what is between them to be read later.
    fn data(&mut self) -> Option<Json<'a>> {
        let start = self.clone();
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        for (position, byte) in self.rest().bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                b'[' if !quoted => depth += 1,
                b']' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                self.at += position + 1;
                return Some(Json::Data(start));
            }
        }
        None
    }

    /// Finds the end of a string and leaves its escapes to `serde_json`.
    fn string(&mut self) -> Option<String> {
        let rest = self.rest();
        let (mut escaped, mut end) = (false, None);
        for (position, byte) in rest.bytes().enumerate().skip(1) {
            match byte {
                b'"' if !escaped => {
                    end = Some(position + 1);
                    break;
                }
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        let quoted = rest.get(..end?)?;
        let string = serde_json::from_str(quoted).ok()?;
        self.at += quoted.len();
        Some(string)
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`, RFC 8259 section 6.
    fn number(&mut self) -> Option<Json<'a>> {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = usize::from(rest.starts_with('-'));
        let whole = digits(rest.get(length..)?);
        let leading_zero = whole > 1 && rest.get(length..)?.starts_with('0');
        length += whole;
        let mut complete = whole > 0 && !leading_zero;
        if rest.get(length..)?.starts_with('.') {
            let fraction = digits(rest.get(length + 1..)?);
            length += 1 + fraction;
            complete &= fraction > 0;
        }
        if rest.get(length..)?.starts_with(['e', 'E']) {
            let signed = rest.get(length + 1..)?.starts_with(['+', '-']);
            let start = length + 1 + usize::from(signed);
            let exponent = digits(rest.get(start..)?);
            length = start + exponent;
            complete &= exponent > 0;
        }
        let text = rest.get(..length).filter(|_| complete)?;
        self.at += length;
        Some(Json::Number(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(own: &Json<'_>, other: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (own, other) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(own), Value::Bool(other)) => own == other,
            (Json::Number(own), Value::Number(other)) => {
                own.parse::<f64>().ok() == other.to_string().parse().ok()
            }
            (Json::Text(own), Value::String(other)) => own == other,
            (Json::List(own), Value::Array(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(own, other)| same(own, other))
            }
            (Json::Object(own), Value::Object(other)) => {
                own.len() == other.len()
                    && own.iter().all(|(name, own)| other.get(name).is_some_and(|other| same(own, other)))
            }
            _ => false,
        }
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
        for text in [
            r#" {"a": [1, -0.5, 2e3, 1E+2, 0, -0], "b\u00e9\"\\": {"c": null}, "d": [true, false, []], "": {}} "#,
            "3",
            r#""\\""#,
        ] {
            assert!(
                same(&read(text.as_bytes()).ok().unwrap(), &serde_json::from_str(text).unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for text in [
            "",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "NaN",
            "Infinity",
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "{a:1}",
            "\"a",
            "nul",
            "1 2",
            "\"\n\"",
            "\"\\x\"",
            "{\"a\":1,\"a\":2}",
            "-",
            "[",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(&[0xff]).is_err());
        assert!(read("[".repeat(100_000).as_bytes()).is_err(), "deep nesting");
        let many = format!("[{}0]", "0,".repeat(MAX_JSON_VALUES));
        assert_eq!(read(many.as_bytes()).err(), Some(OipError::TooMany));
        let place = read(b"{\n  \"a\": ?}").err();
        assert_eq!(place, Some(OipError::Syntax { line: 2, column: 8 }));
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_serde_json_does_or_refused(text in r#"[\[\]{}":,0-9eE+\-. a\\ntrufls]{0,24}"#) {
            if let Ok(own) = read(text.as_bytes()) {
                // A number beyond FP64 is well formed here and refused by its datatype.
                if let Ok(other) = serde_json::from_str(&text) {
                    prop_assert!(same(&own, &other));
                }
            } else if let Ok(other) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert!(other.is_object() || other.is_array(), "a doubled name alone is refused here");
            }
        }
    }
}
