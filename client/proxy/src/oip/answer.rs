//! Answers: JSON, JSON with tensors behind it, and errors.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};
use serde::Serialize;
use strongroom_client::InferAnswer;
use strongroom_client::oip::{self, Fault as FieldFault, OipError, ResponseBody, Wanted};
use strongroom_seal::model::{Interface, TensorSpec};

use crate::failure::{Failure, Fault};

/// Bytes of the JSON before the tensors that stand behind it.
pub(crate) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// The receipt of an answer as the enclave signed it, in Base64.
pub(crate) const RECEIPT: HeaderName = HeaderName::from_static("strongroom-receipt");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A body of parts that are sent as they are, without being joined first.
struct Parts(VecDeque<Bytes>);

#[derive(Serialize)]
struct ErrorJson<'a> {
    error: &'a str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        with_status(&self, json(&ErrorJson { error: &self.message }))
    }
}

/// Gives an error's body its status, and says when to come back.
pub(crate) fn with_status(failure: &Failure, mut response: Response) -> Response {
    *response.status_mut() =
        StatusCode::from_u16(failure.fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = failure.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// A body of JSON.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(json) => ([(CONTENT_TYPE, JSON)], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Refuses what would be answered, charged, and then not written: outputs whose datatype has no form in JSON, wanted in JSON.
pub(crate) fn writable(interface: &Interface, named: &[String], wanted: &Wanted) -> Result<(), Failure> {
    let lost = |output: &TensorSpec| !oip::has_json_form(output.dtype) && !wanted.binary(&output.name);
    let lost_by_name =
        |name: &String| interface.outputs.iter().any(|output| output.name == *name && lost(output));
    let found = if named.is_empty() {
        interface.outputs.iter().position(lost)
    } else {
        named.iter().position(lost_by_name)
    };
    match found {
        Some(index) => Err(unwritable(&FieldFault::NoJsonForm.at(format!("outputs[{index}].datatype")))),
        None => Ok(()),
    }
}

/// The answer to an infer request: JSON, and behind it the outputs that are wanted in binary.
pub(crate) fn inferred(
    id: Option<String>,
    answer: InferAnswer,
    wanted: &Wanted,
) -> Result<Response, Failure> {
    let InferAnswer { model, version, outputs, receipt_document, .. } = answer;
    let body = ResponseBody { id, model, version, outputs };
    let json = oip::write_answer(&body, wanted).map_err(|error| unwritable(&error))?;
    let json_bytes = json.len();
    let mut parts = VecDeque::from([Bytes::from(json)]);
    for output in body.outputs {
        if wanted.binary(&output.name) {
            parts.push_back(output.data.into_owned().into());
        }
    }
    let is_binary = parts.len() > 1;
    let mut response = Response::new(Body::new(Parts(parts)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, if is_binary { BINARY } else { JSON });
    if is_binary {
        headers.insert(JSON_LENGTH, json_bytes.into());
    }
    headers.extend(receipt(&receipt_document));
    Ok(response)
}

/// The header for a receipt.
pub(crate) fn receipt(document: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    Some((RECEIPT, HeaderValue::from_str(&STANDARD.encode(document)).ok()?))
}

/// What a request cannot be read for.
pub(crate) fn unreadable(error: &OipError) -> Failure {
    let fault = match error {
        OipError::TooLong => Fault::TooLarge,
        OipError::Field { field, fault: FieldFault::TooLong } if field == "inputs" => Fault::TooLarge,
        _ => Fault::Request,
    };
    Failure::new(fault, error.to_string())
}

fn unwritable(error: &OipError) -> Failure {
    match error {
        OipError::Field { fault: FieldFault::NoJsonForm | FieldFault::Unwritable { .. }, .. } => {
            Failure::request(format!("{error}; ask for this output with \"binary_data\": true"))
        }
        _ => Failure::new(Fault::Answer, error.to_string()),
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}
