//! The body of a request for embeddings.

use serde::Deserialize;
use strongroom_proto::name::Name;

use super::value::Value;

use crate::failure::Failure;
use crate::limits::MAX_EMBEDDINGS_ROWS;

/// What is to be embedded. No `Debug`: it is plaintext.
#[derive(PartialEq, Eq)]
pub(super) enum Input {
    /// Texts, for a model that takes texts.
    Texts(Vec<String>),
    /// Rows of token ids, none of them empty or negative.
    Tokens(Vec<Vec<i64>>),
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Little-endian FP32 in Base64, which no number is rounded in.
    Base64,
    /// A list of numbers. The default, as it is OpenAI's.
    Float,
}

/// A request for embeddings. No `Debug`: it is plaintext.
#[derive(PartialEq, Eq)]
pub(super) struct Request {
    pub(super) model: Name,
    pub(super) input: Input,
    pub(super) encoding: Encoding,
    /// Length that the vectors must have; none is ever cut.
    pub(super) dimensions: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    model: Value,
    input: Value,
    encoding_format: Value,
    dimensions: Value,
}

/// Reads a body. `user` and fields that the API does not have change nothing and are ignored.
pub(super) fn read(body: &[u8]) -> Result<Request, Failure> {
    let Body { model, input, encoding_format, dimensions } =
        serde_json::from_slice(body).map_err(|error| {
            Failure::request(format!("not a JSON object, line {}, column {}", error.line(), error.column()))
        })?;
    let Value::Text(model) = model else {
        return Err(Failure::request("model: is not a string"));
    };
    Ok(Request {
        model: model.parse().map_err(|_| Failure::unknown_model())?,
        input: read_input(input)?,
        encoding: encoding(&encoding_format)?,
        dimensions: read_dimensions(&dimensions)?,
    })
}

fn encoding(value: &Value) -> Result<Encoding, Failure> {
    match value {
        Value::Null => Ok(Encoding::Float),
        Value::Text(text) if text == "base64" => Ok(Encoding::Base64),
        Value::Text(text) if text == "float" => Ok(Encoding::Float),
        _ => Err(Failure::request("encoding_format: is neither \"float\" nor \"base64\"")),
    }
}

fn read_dimensions(value: &Value) -> Result<Option<u64>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) if *number > 0 => Ok(Some(*number)),
        _ => Err(Failure::request("dimensions: is not a positive number")),
    }
}

/// A string, strings, token ids or rows of token ids.
fn read_input(value: Value) -> Result<Input, Failure> {
    let list = match value {
        Value::Text(text) => return Ok(Input::Texts(vec![text])),
        Value::List(list) if !list.is_empty() => list,
        _ => return Err(Failure::request("input: is neither a string nor a list that holds something")),
    };
    if matches!(list.first(), Some(Value::Number(_))) {
        return Ok(Input::Tokens(vec![row(&list, 0)?]));
    }
    if list.len() > MAX_EMBEDDINGS_ROWS {
        return Err(Failure::request(format!("input: has more than {MAX_EMBEDDINGS_ROWS} entries")));
    }
    if matches!(list.first(), Some(Value::Text(_))) {
        let texts: Option<Vec<String>> = list.into_iter().map(string).collect();
        let mixed = || Failure::request("input: mixes strings with something else");
        return texts.map(Input::Texts).ok_or_else(mixed);
    }
    let rows = list.iter().enumerate().map(|(index, value)| match value {
        Value::List(list) => row(list, index),
        _ => Err(Failure::request(format!("input[{index}]: is not a list of token ids"))),
    });
    rows.collect::<Result<_, _>>().map(Input::Tokens)
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn row(list: &[Value], index: usize) -> Result<Vec<i64>, Failure> {
    let id = |value: &Value| match value {
        Value::Number(number) => i32::try_from(*number).ok().map(i64::from),
        _ => None,
    };
    let ids: Option<Vec<i64>> = list.iter().map(id).collect();
    let wrong =
        || Failure::request(format!("input[{index}]: is not a list of token ids that holds something"));
    ids.filter(|ids| !ids.is_empty()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(input: &str) -> Result<Input, String> {
        let body = format!(r#"{{"model": "m", "user": "u", "input": {input}}}"#);
        read(body.as_bytes()).map(|request| request.input).map_err(|failure| failure.message)
    }

    #[test]
    fn each_of_the_four_kinds_of_input_is_read() {
        assert!(of(r#""a""#) == Ok(Input::Texts(vec!["a".into()])));
        assert!(of(r#"["a", "b"]"#) == Ok(Input::Texts(vec!["a".into(), "b".into()])));
        assert!(of("[1, 2]") == Ok(Input::Tokens(vec![vec![1, 2]])));
        assert!(of("[[1, 2], [3]]") == Ok(Input::Tokens(vec![vec![1, 2], vec![3]])));
    }

    #[test]
    fn what_is_none_of_them_is_refused_without_a_word_of_it() {
        for input in [
            "null",
            "[]",
            "7",
            "{}",
            "[[]]",
            "[-1]",
            "[1.5]",
            "[4294967296]",
            "[1, \"secret\"]",
            "[\"secret\", 1]",
            "[[1], \"secret\"]",
            "[null]",
            "[[1], [\"secret\"]]",
        ] {
            let message = of(input).err().unwrap();
            assert!(message.starts_with("input") && !message.contains("secret"), "{input}: {message}");
        }
        let many = format!("[{}\"\"]", "\"\",".repeat(MAX_EMBEDDINGS_ROWS));
        assert!(of(&many).is_err());
    }

    #[test]
    fn numbers_are_the_default_and_other_fields_are_checked() {
        let of = |rest: &str| read(format!(r#"{{"input": "a"{rest}}}"#).as_bytes());
        let named = |rest: &str| of(&format!(r#", "model": "m"{rest}"#));
        assert_eq!(named("").map(|request| request.encoding), Ok(Encoding::Float));
        let base64 = named(r#", "encoding_format": "base64", "dimensions": 384"#);
        assert_eq!(
            base64.map(|request| (request.encoding, request.dimensions)),
            Ok((Encoding::Base64, Some(384)))
        );
        for rest in [r#", "encoding_format": "hex""#, r#", "dimensions": 0"#, r#", "dimensions": "3""#] {
            assert!(named(rest).is_err(), "{rest}");
        }
        assert!(of("").is_err() && read(b"[]").is_err() && read(b"{").is_err());
        assert_eq!(of(r#", "model": "No/Name""#).err(), Some(Failure::unknown_model()));
    }
}
