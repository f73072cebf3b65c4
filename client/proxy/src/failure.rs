//! What can go wrong for a caller, in the closed set that HTTP and gRPC know.

use std::time::Duration;

use strongroom_client::ClientError;
pub use strongroom_client::Fault;

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
        Self { fault: error.fault(), retry_after: error.retry_after(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_seal::message::{Limited, Refusal};

    use super::*;

    #[test]
    fn waiting_is_told_in_whole_seconds_rounded_up() {
        let refusal = Refusal::Limit { what: Limited::KeyRate, retry_after_ms: Some(1500) };
        let failure = Failure::from(ClientError::Refused(refusal));
        assert_eq!((failure.fault, failure.retry_after_seconds()), (Fault::Limit, Some(2)));
        assert_eq!(Failure::request("x").retry_after_seconds(), None);
    }
}
