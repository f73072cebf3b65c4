//! What can go wrong, as a caller in a page sees it: a status of HTTP, a kind, and what another attempt needs.
//!
//! The statuses are those that the proxy answers with, so that a page behind a proxy and a page that verifies itself
//! handle errors alike.

use strongroom_core::oip::OipError;
use strongroom_core::{ClientError, ErrorClass, TransportError, TrustFileError};
use strongroom_proto::Code;
use strongroom_seal::message::Refusal;

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
            status: error.fault().status(),
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

/// `refused` is what the verified enclave said under seal. A host that finds a message too large proves nothing.
const fn kind(error: &ClientError) -> &'static str {
    if matches!(error, ClientError::Transport(TransportError::TooLarge)) {
        return ErrorClass::Other.name();
    }
    error.class().name()
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
    use strongroom_seal::message::Limited;

    use super::*;

    #[test]
    fn what_a_host_says_of_a_size_proves_no_refusal() {
        let failure = Failure::from(ClientError::Transport(TransportError::TooLarge));
        assert_eq!((failure.status, failure.kind), (413, "other"));
        let limit = Refusal::Limit { what: Limited::KeyRate, retry_after_ms: Some(1500) };
        let failure = Failure::from(ClientError::Refused(limit));
        assert_eq!((failure.status, failure.kind, failure.retry_after_ms), (429, "refused", Some(1500)));
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
