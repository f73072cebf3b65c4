//! What can go wrong, as a caller in a page sees it: a status of HTTP, a kind, and what another attempt needs.
//!
//! The statuses are those that the proxy answers with, so that a page behind a proxy and a page that verifies itself
//! handle errors alike.

use strongroom_core::oip::OipError;
use strongroom_core::{ClientError, Cure, TransportError, TrustFileError};

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
            kind: error.class().name(),
            message: error.to_string(),
            retry_after_ms: error.retry_after().map(|wait| wait.as_millis().try_into().unwrap_or(u64::MAX)),
            cure: error.cure(),
        }
    }
}

/// What a status of the host means. `None` for an exchange that brought none: whether it broke, or nobody ever answered.
#[must_use]
pub fn exchange(status: Option<u16>, met: bool) -> Failure {
    let error = match status {
        None if met => TransportError::Broken,
        None => TransportError::Unreachable,
        Some(status) => TransportError::of_status(status),
    };
    ClientError::Transport(error).into()
}

#[cfg(test)]
mod tests {
    use strongroom_seal::message::{Limited, Refusal};

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
    fn an_exchange_without_a_status_may_pass_later_only_if_somebody_was_met() {
        assert_eq!(exchange(None, true).cure, Cure::Time);
        assert_eq!(exchange(None, false).cure, Cure::None);
        assert_eq!(exchange(Some(421), true).cure, Cure::Attestation);
    }
}
