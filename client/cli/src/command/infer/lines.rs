//! `infer --lines`: a request a line on stdin, an answer a line on stdout, in the same order.
//!
//! One verified session serves them all. What the enclave refuses, or a line that is no request, is answered with
//! an error and the next line is read. Whatever speaks against the enclave itself, or keeps it from answering, ends
//! the program with the code of that error, because no later line could fare better.

use std::io::{self, BufRead, Read};
use std::path::Path;

use serde::Serialize;
use strongroom_attestation::release::Treatment;
use strongroom_client::oip;
use strongroom_client::{ClientError, ErrorClass};
use zeroize::Zeroizing;

use super::Wanted;
use crate::asking::Asking;
use crate::error::{CliError, Result};
use crate::limits::MAX_REQUEST_LINE_BYTES;
use crate::output;

/// In place of an answer.
#[derive(Serialize)]
struct Failed {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    error: String,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// What `--receipts` adds to an answer.
#[derive(Serialize)]
struct Told {
    index: Option<u64>,
    treatment: Option<Treatment>,
}

/// Answers lines until stdin ends.
pub(super) async fn answer_each(asking: &Asking, wanted: &Wanted, receipts: bool) -> Result<()> {
    let mut stdin = io::stdin().lock();
    while let Some(line) = next_line(&mut stdin)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        output::line(&answer(asking, wanted, &line, receipts).await?)?;
    }
    Ok(())
}

/// The next line; none at the end. Wiped when dropped, because it is plaintext.
fn next_line(from: &mut impl BufRead) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::new());
    let read = from.take(MAX_REQUEST_LINE_BYTES + 1).read_until(b'\n', &mut line);
    let read = read.map_err(CliError::file(Path::new("-")))?;
    if line.len() as u64 > MAX_REQUEST_LINE_BYTES {
        return Err(CliError::usage(format!("a line of stdin has more than {MAX_REQUEST_LINE_BYTES} bytes")));
    }
    Ok((read > 0).then_some(line))
}

async fn answer(asking: &Asking, wanted: &Wanted, line: &[u8], receipts: bool) -> Result<String> {
    let body = match oip::read_request(line).map_err(CliError::Request) {
        Ok(body) => body,
        Err(error) => return failed(None, error),
    };
    let id = body.id.clone();
    match wanted.ask(asking, body).await {
        Ok(answer) if receipts => {
            let told = Told { index: answer.receipt.index, treatment: answer.receipt.treatment };
            with_receipt(&answer.text, &told)
        }
        Ok(answer) => Ok(answer.text),
        Err(error) => failed(id, error),
    }
}

/// The line for an error that concerns this request alone; others are returned.
fn failed(id: Option<String>, error: CliError) -> Result<String> {
    let (class, retry_after) = match &error {
        CliError::Request(_) | CliError::Unprintable(_) | CliError::Client(ClientError::Request(_)) => {
            ("request", None)
        }
        CliError::Client(refused) if refused.class() == ErrorClass::Refused => {
            ("refused", refused.retry_after())
        }
        _ => return Err(error),
    };
    let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    json(&Failed { id, error: error.to_string(), class, retry_after_ms })
}

/// Adds a field to a response by its text, so that its numbers stay as they were written.
fn with_receipt(response: &str, told: &Told) -> Result<String> {
    let open = response.strip_suffix('}').unwrap_or(response);
    Ok(format!("{open},\"receipt\":{}}}", json(told)?))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| CliError::Stdout(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use strongroom_client::TransportError;
    use strongroom_seal::message::{Limited, Refusal};

    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_none_is_longer_than_the_bound() {
        let mut two = &b"one\ntwo"[..];
        assert_eq!(**next_line(&mut two).unwrap().unwrap(), *b"one\n");
        assert_eq!(**next_line(&mut two).unwrap().unwrap(), *b"two");
        assert!(next_line(&mut two).unwrap().is_none());
        let long = vec![b' '; usize::try_from(MAX_REQUEST_LINE_BYTES).unwrap() + 1];
        assert!(matches!(next_line(&mut long.as_slice()), Err(CliError::Usage(_))));
    }

    #[test]
    fn a_refusal_is_a_line_and_says_when_to_come_back() {
        let refusal = Refusal::Limit { what: Limited::KeyRate, retry_after_ms: Some(250) };
        let line = failed(Some("a".into()), ClientError::Refused(refusal).into()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["id"], &line["class"]), (&"a".into(), &"refused".into()));
        assert_eq!(line["retry_after_ms"], 250);
        let line = failed(None, ClientError::Refused(Refusal::Operation).into()).unwrap();
        assert!(!line.contains("retry_after_ms") && !line.contains("\"id\""), "{line}");
    }

    #[test]
    fn what_no_later_line_could_survive_is_no_line() {
        for error in [ClientError::OtherModel, ClientError::Transport(TransportError::Unreachable)] {
            assert!(matches!(failed(None, error.into()), Err(CliError::Client(_))));
        }
    }

    #[test]
    fn the_treatment_stands_beside_the_response() {
        let told = Told { index: Some(7), treatment: Some(Treatment::LABEL_ONLY) };
        let line = with_receipt(r#"{"model_name":"m","outputs":[]}"#, &told).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["receipt"]["index"], 7);
        assert_eq!(line["receipt"]["treatment"]["detail"], "label_only");
        assert_eq!(line["model_name"], "m");
    }
}
