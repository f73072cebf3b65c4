//! What can go wrong, as Python raises it. The classes stand in `strongroom._errors`, which maps kinds to them.

use pyo3::prelude::*;
use pyo3::types::PyString;
use strongroom_attestation::{Transcript, VerifyError};
use strongroom_client::{ClientError, ErrorClass, TrustFileError};

/// A failed call. The text is for people and repeats nothing of what the caller sent.
pub(crate) struct Failure {
    class: ErrorClass,
    status: u16,
    retry_after_seconds: Option<f64>,
    message: String,
    /// The checks of a judgement, as JSON, where one was made.
    checks: Option<String>,
}

/// The status of a failure that has none of its own (RFC 9110 section 15.6.3).
const BAD_GATEWAY: u16 = 502;

/// A wrong argument (RFC 9110 section 15.5.1).
const BAD_REQUEST: u16 = 400;

impl Failure {
    /// The caller's argument is wrong; nothing was sent.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Usage, BAD_REQUEST, message.into())
    }

    /// Something of this machine is wrong.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Other, BAD_GATEWAY, message.into())
    }

    /// A document did not pass.
    pub(crate) fn document(error: &VerifyError, transcript: &Transcript) -> Self {
        let class = strongroom_attestation::evidence::EvidenceClass::Document(error.class());
        Self::new(ErrorClass::Evidence(class), BAD_GATEWAY, error.to_string()).with(transcript)
    }

    fn new(class: ErrorClass, status: u16, message: String) -> Self {
        Self { class, status, retry_after_seconds: None, message, checks: None }
    }

    /// The same with every check that was made.
    pub(crate) fn with(self, transcript: &Transcript) -> Self {
        Self { checks: serde_json::to_string(transcript.lines()).ok(), ..self }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let retry_after_seconds = error.retry_after().map(|wait| wait.as_secs_f64());
        let (class, status) = (error.class(), error.fault().status());
        Self { class, status, retry_after_seconds, message: error.to_string(), checks: None }
    }
}

impl From<TrustFileError> for Failure {
    fn from(error: TrustFileError) -> Self {
        Self::usage(format!("trust: {error}"))
    }
}

impl Failure {
    /// The exception.
    pub(crate) fn exception<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("strongroom._errors")?.getattr("of")?.call1((
            PyString::intern(py, self.class.name()),
            &self.message,
            self.class.exit_code(),
            self.status,
            self.retry_after_seconds,
            self.checks.as_deref(),
        ))
    }

    /// The same, raised.
    pub(crate) fn raised(&self, py: Python<'_>) -> PyErr {
        self.exception(py).map_or_else(|error| error, PyErr::from_value)
    }
}
