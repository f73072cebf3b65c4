//! Whose fault a failure is, as a caller over HTTP is told. The one mapping from the client's errors to a status, for the proxy, pages and Python.

use strongroom_seal::message::{Limited, Refusal};

use crate::{ClientError, ErrorClass, TransportError};

/// Whose fault it is, and which status says so (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: the request cannot be served as it is.
    Request,
    /// 403: the API key is not accepted, or its role does not allow this.
    Key,
    /// 404: no such path, model or version.
    Unknown,
    /// 405: the path has other methods.
    Method,
    /// 413: larger than a bound.
    TooLarge,
    /// 415: a content encoding other than gzip.
    Encoding,
    /// 422: the rows are unlike the data that the model was made from.
    OutOfDistribution,
    /// 429: a rate, quota or budget is used up, or the key or the model rests for a time.
    Limit,
    /// 502: what came back is no answer of the verified enclave, or the model could not process the input.
    Answer,
    /// 503: no verified enclave serves at present.
    NotReady,
}

impl Fault {
    /// The HTTP status.
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

impl ClientError {
    /// Whose fault it is. No error is [`Fault::Method`] or [`Fault::Encoding`], which only a server finds.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Refused(refusal) => refused(refusal),
            Self::ModelNotDemanded => Fault::Unknown,
            Self::Transport(TransportError::TooLarge) => Fault::TooLarge,
            _ => match self.class() {
                ErrorClass::Usage => Fault::Request,
                ErrorClass::Evidence(_) | ErrorClass::Unreachable => Fault::NotReady,
                ErrorClass::Binding | ErrorClass::Refused | ErrorClass::Other => Fault::Answer,
            },
        }
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
    fn each_error_has_the_status_that_the_manuals_state() {
        let limit = |what, retry_after_ms| ClientError::Refused(Refusal::Limit { what, retry_after_ms });
        for (status, error) in [
            (400, ClientError::Refused(Refusal::Malformed)),
            (400, ClientError::Refused(Refusal::Input("input 'x' is missing".into()))),
            (400, ClientError::Request("cannot be encoded")),
            (400, limit(Limited::Burst, None)),
            (403, ClientError::Refused(Refusal::Key)),
            (403, ClientError::Refused(Refusal::Operation)),
            (404, ClientError::Refused(Refusal::Model)),
            (404, ClientError::ModelNotDemanded),
            (413, ClientError::Refused(Refusal::AnswerSize)),
            (413, ClientError::Transport(TransportError::TooLarge)),
            (422, ClientError::Refused(Refusal::OutOfDistribution { rows: vec![0] })),
            (429, limit(Limited::KeyRate, Some(1500))),
            (429, ClientError::Refused(Refusal::Suspended { retry_after_ms: 1 })),
            (429, ClientError::Refused(Refusal::Frozen { retry_after_ms: None })),
            (502, ClientError::OtherModel),
            (502, ClientError::OtherSort),
            (502, ClientError::Refused(Refusal::Failed)),
            (503, ClientError::Evidence(EvidenceError::RolledBack)),
            (503, ClientError::Refused(Refusal::InFlight)),
            (503, ClientError::Transport(TransportError::Unreachable)),
            (503, ClientError::Transport(TransportError::Busy)),
        ] {
            assert_eq!(error.fault().status(), status, "{error}");
        }
    }
}
