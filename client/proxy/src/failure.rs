//! What can go wrong for a caller, in the closed set that HTTP and gRPC know. The one mapping from the client's errors.

use std::time::Duration;

use strongroom_client::{ClientError, ErrorClass, TransportError};
use strongroom_seal::message::{Limited, Refusal};

/// Whose fault it is, and which status says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400, `INVALID_ARGUMENT`: the request cannot be served as it is.
    Request,
    /// 403, `PERMISSION_DENIED`: the API key is not accepted, or its role does not allow this.
    Key,
    /// 404, `NOT_FOUND`: no such path, model or version.
    Unknown,
    /// 405, `UNIMPLEMENTED`: the path has other methods.
    Method,
    /// 413, `RESOURCE_EXHAUSTED`: larger than a bound.
    TooLarge,
    /// 415, `INVALID_ARGUMENT`: a content encoding other than gzip.
    Encoding,
    /// 422, `FAILED_PRECONDITION`: the rows are unlike the data that the model was made from.
    OutOfDistribution,
    /// 429, `RESOURCE_EXHAUSTED`: a rate, quota or budget is used up, or the key or the model rests for a time.
    Limit,
    /// 502, `INTERNAL`: what came back is no answer of the verified enclave, or the model could not process the input.
    Answer,
    /// 503, `UNAVAILABLE`: no verified enclave serves at present.
    NotReady,
}

/// A failed request. The text is for people and repeats nothing of what the caller sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The kind.
    pub fault: Fault,
    /// What is wrong.
    pub message: String,
    /// When the same request may pass.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// The HTTP status (RFC 9110 section 15).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Request => 400,
            Self::Key => 403,
            Self::Unknown => 404,
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::Encoding => 415,
            Self::OutOfDistribution => 422,
            Self::Limit => 429,
            Self::Answer => 502,
            Self::NotReady => 503,
        }
    }
}

impl Failure {
    /// A failure that nothing is known of when it passes.
    #[must_use]
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), retry_after: None }
    }

    /// The caller's request is wrong.
    #[must_use]
    pub fn request(message: impl Into<String>) -> Self {
        Self::new(Fault::Request, message)
    }

    /// No such model or version. Does not repeat its name.
    #[must_use]
    pub fn unknown_model() -> Self {
        Self::new(Fault::Unknown, "no such model or version")
    }

    /// `Retry-After` in whole seconds (RFC 9110 section 10.2.3), at least one.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let fault = match &error {
            ClientError::Refused(refusal) => refused(refusal),
            ClientError::ModelNotDemanded => Fault::Unknown,
            ClientError::Transport(TransportError::TooLarge) => Fault::TooLarge,
            _ => match error.class() {
                ErrorClass::Usage => Fault::Request,
                ErrorClass::Evidence(_) | ErrorClass::Unreachable => Fault::NotReady,
                ErrorClass::Binding | ErrorClass::Refused | ErrorClass::Other => Fault::Answer,
            },
        };
        Self { fault, retry_after: error.retry_after(), message: error.to_string() }
    }
}

const fn refused(refusal: &Refusal) -> Fault {
    match refusal {
        Refusal::Key | Refusal::Operation => Fault::Key,
        Refusal::Model => Fault::Unknown,
        // More rows at once than ever pass is the caller's to change; all other limits pass with time or the owner.
        Refusal::Malformed | Refusal::Input(_) | Refusal::Limit { what: Limited::Burst, .. } => {
            Fault::Request
        }
        Refusal::AnswerSize => Fault::TooLarge,
        Refusal::OutOfDistribution { .. } => Fault::OutOfDistribution,
        Refusal::Limit { .. } | Refusal::Frozen { .. } | Refusal::Suspended { .. } => Fault::Limit,
        Refusal::InFlight => Fault::NotReady,
        Refusal::Failed => Fault::Answer,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::evidence::EvidenceError;

    use super::*;

    #[test]
    fn each_error_has_the_status_that_the_manual_states() {
        let limit = |what, retry_after_ms| ClientError::Refused(Refusal::Limit { what, retry_after_ms });
        for (status, error) in [
            (400, ClientError::Refused(Refusal::Input("input 'x' is missing".into()))),
            (400, ClientError::Request("cannot be encoded")),
            (400, limit(Limited::Burst, None)),
            (403, ClientError::Refused(Refusal::Key)),
            (403, ClientError::Refused(Refusal::Operation)),
            (404, ClientError::Refused(Refusal::Model)),
            (404, ClientError::ModelNotDemanded),
            (413, ClientError::Transport(TransportError::TooLarge)),
            (422, ClientError::Refused(Refusal::OutOfDistribution { rows: vec![0] })),
            (429, limit(Limited::KeyRate, Some(1500))),
            (429, ClientError::Refused(Refusal::Suspended { retry_after_ms: 1 })),
            (429, ClientError::Refused(Refusal::Frozen { retry_after_ms: None })),
            (502, ClientError::OtherModel),
            (502, ClientError::Refused(Refusal::Failed)),
            (503, ClientError::Evidence(EvidenceError::RolledBack)),
            (503, ClientError::Transport(TransportError::Unreachable)),
            (503, ClientError::Transport(TransportError::Busy)),
        ] {
            assert_eq!(Failure::from(error.clone()).fault.status(), status, "{error}");
        }
        let failure = Failure::from(limit(Limited::KeyRate, Some(1500)));
        assert_eq!(failure.retry_after_seconds(), Some(2), "whole seconds, rounded up");
        assert_eq!(Failure::request("x").retry_after_seconds(), None);
    }
}
