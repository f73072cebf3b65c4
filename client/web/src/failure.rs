//! What can go wrong, as a caller in a page sees it: a status of HTTP, a kind, and what another attempt needs.
//!
//! The statuses are those that the proxy answers with, so that a page behind a proxy and a page that verifies itself
//! handle errors alike.

use strongroom_core::oip::OipError;
use strongroom_core::{ClientError, ErrorClass, TransportError, TrustFileError};
use strongroom_proto::Code;
use strongroom_seal::message::{Limited, Refusal};

/// What another attempt needs to go better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// Nothing would help.
    None,
    /// A new session, at once.
    Attestation,
    /// Time.
    Time,
}

/// A failed call. The text is for people and repeats nothing of what the caller sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status of HTTP that says whose fault it is (RFC 9110 section 15).
    pub status: u16,
    /// Which sort of failure, one word.
    pub kind: &'static str,
    /// What is wrong.
    pub message: String,
    /// Milliseconds after which the same request may pass, where the enclave said so.
    pub retry_after_ms: Option<u64>,
    /// Whether the call is tried again by itself.
    pub cure: Cure,
}

impl Failure {
    /// The caller's argument is wrong.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: 400, kind: "usage", message: message.into(), retry_after_ms: None, cure: Cure::None }
    }
}

impl From<OipError> for Failure {
    fn from(error: OipError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<TrustFileError> for Failure {
    fn from(error: TrustFileError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self {
            status: status(&error),
            kind: kind(&error),
            message: error.to_string(),
            retry_after_ms: error.retry_after().map(|wait| wait.as_millis().try_into().unwrap_or(u64::MAX)),
            cure: cure(&error),
        }
    }
}

/// What a status of the host means. `None` for an exchange that brought none: whether it broke, or nobody ever answered.
#[must_use]
pub fn exchange(status: Option<u16>, met: bool) -> Failure {
    let error = match status {
        None if met => TransportError::Broken,
        None => TransportError::Unreachable,
        Some(status) => match Code::from_http_status(status) {
            Some(Code::Malformed) => TransportError::Malformed,
            Some(Code::TooLarge) => TransportError::TooLarge,
            Some(Code::Misdirected) => TransportError::Misdirected,
            Some(Code::Busy) => TransportError::Busy,
            Some(Code::Unavailable) => TransportError::Unavailable,
            Some(Code::Ok) | None => TransportError::Status(status),
        },
    };
    ClientError::Transport(error).into()
}

fn status(error: &ClientError) -> u16 {
    match error {
        ClientError::Refused(refusal) => refused(refusal),
        ClientError::ModelNotDemanded => 404,
        ClientError::Transport(TransportError::TooLarge) => 413,
        _ => match error.class() {
            ErrorClass::Usage => 400,
            ErrorClass::Evidence(_) | ErrorClass::Unreachable => 503,
            ErrorClass::Binding | ErrorClass::Refused | ErrorClass::Other => 502,
        },
    }
}

const fn refused(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::Key | Refusal::Operation => 403,
        Refusal::Model => 404,
        Refusal::Malformed | Refusal::Input(_) | Refusal::Limit { what: Limited::Burst, .. } => 400,
        Refusal::AnswerSize => 413,
        Refusal::OutOfDistribution { .. } => 422,
        Refusal::Limit { .. } | Refusal::Frozen { .. } | Refusal::Suspended { .. } => 429,
        Refusal::InFlight => 503,
        Refusal::Failed => 502,
    }
}

/// `refused` is what the verified enclave said under seal. A host that finds a message too large proves nothing.
const fn kind(error: &ClientError) -> &'static str {
    if matches!(error, ClientError::Transport(TransportError::TooLarge)) {
        return "other";
    }
    match error.class() {
        ErrorClass::Usage => "usage",
        ErrorClass::Evidence(_) => "evidence",
        ErrorClass::Binding => "binding",
        ErrorClass::Refused => "refused",
        ErrorClass::Unreachable => "unreachable",
        ErrorClass::Other => "other",
    }
}

/// Only what says nothing about trust is tried again.
const fn cure(error: &ClientError) -> Cure {
    match error {
        ClientError::Transport(TransportError::Misdirected) => Cure::Attestation,
        ClientError::Transport(
            TransportError::Busy | TransportError::Unavailable | TransportError::Broken,
        )
        | ClientError::Refused(Refusal::InFlight) => Cure::Time,
        _ => Cure::None,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::evidence::EvidenceError;

    use super::*;

    #[test]
    fn each_error_has_the_status_that_the_proxy_gives_it() {
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
            assert_eq!(Failure::from(error.clone()).status, status, "{error}");
        }
        assert_eq!(Failure::from(limit(Limited::KeyRate, Some(1500))).retry_after_ms, Some(1500));
    }

    #[test]
    fn only_what_says_nothing_about_trust_is_tried_again() {
        for (cure, failure) in [
            (Cure::Attestation, exchange(Some(421), true)),
            (Cure::Time, exchange(Some(429), true)),
            (Cure::Time, exchange(Some(503), false)),
            (Cure::Time, exchange(None, true)),
            (Cure::Time, ClientError::Refused(Refusal::InFlight).into()),
            (Cure::None, exchange(None, false)),
            (Cure::None, exchange(Some(400), true)),
            (Cure::None, exchange(Some(500), true)),
            (Cure::None, ClientError::Evidence(EvidenceError::RolledBack).into()),
            (Cure::None, ClientError::OtherModel.into()),
            (Cure::None, ClientError::Refused(Refusal::Key).into()),
            (Cure::None, ClientError::Refused(Refusal::Frozen { retry_after_ms: Some(1) }).into()),
        ] {
            assert_eq!(failure.cure, cure, "{failure:?}");
        }
    }
}
