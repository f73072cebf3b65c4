//! Which failures another attempt may cure. The one answer for the library, pages and Python.
//!
//! Only what says nothing about trust is tried again. A refused judgement, an answer that is not authentic
//! or a receipt that does not fit ends the call at once.

use strongroom_seal::message::Refusal;

use crate::{ClientError, TransportError};

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

impl ClientError {
    /// What another attempt needs.
    #[must_use]
    pub const fn cure(&self) -> Cure {
        match self {
            Self::Transport(TransportError::Misdirected) => Cure::Attestation,
            Self::Transport(TransportError::Busy | TransportError::Unavailable | TransportError::Broken)
            | Self::Refused(Refusal::InFlight) => Cure::Time,
            _ => Cure::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::evidence::EvidenceError;
    use strongroom_seal::message::Limited;

    use super::*;

    #[test]
    fn only_what_says_nothing_about_trust_is_tried_again() {
        let host = |status| ClientError::Transport(TransportError::of_status(status));
        let limit = Refusal::Limit { what: Limited::KeyRate, retry_after_ms: Some(1) };
        for (cure, error) in [
            (Cure::Attestation, host(421)),
            (Cure::Time, host(429)),
            (Cure::Time, host(503)),
            (Cure::Time, ClientError::Transport(TransportError::Broken)),
            (Cure::Time, ClientError::Refused(Refusal::InFlight)),
            (Cure::None, ClientError::Transport(TransportError::Unreachable)),
            (Cure::None, host(400)),
            (Cure::None, host(413)),
            (Cure::None, host(500)),
            (Cure::None, ClientError::Evidence(EvidenceError::RolledBack)),
            (Cure::None, ClientError::OtherModel),
            (Cure::None, ClientError::OtherSort),
            (Cure::None, ClientError::Refused(Refusal::Key)),
            (Cure::None, ClientError::Refused(Refusal::Operation)),
            (Cure::None, ClientError::Refused(Refusal::Frozen { retry_after_ms: Some(1) })),
            (Cure::None, ClientError::Refused(limit)),
        ] {
            assert_eq!(error.cure(), cure, "{error}");
        }
    }
}
