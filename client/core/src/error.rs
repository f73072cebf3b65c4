//! What can go wrong between a client and an enclave, sorted by who has to act.

use std::time::Duration;

use strongroom_attestation::FailureClass;
use strongroom_attestation::channel::ChannelError;
use strongroom_attestation::evidence::{EvidenceClass, EvidenceError};
use strongroom_attestation::receipt::ReceiptError;
use strongroom_proto::Code;
use strongroom_seal::message::Refusal;

/// Why an inference or a verification did not succeed. Repeats nothing of what the host said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The caller's: not an absolute http or https URL of a host alone.
    #[error("not a URL of the form http://HOST[:PORT] or https://HOST[:PORT]")]
    Url,
    /// The caller's: the request cannot be put into a message.
    #[error("the request {0}")]
    Request(&'static str),
    /// The caller's: the trust file pins models, and this is none of them, or a route that leads to another.
    #[error("the trust file does not name this model, or not every model that this route leads to")]
    ModelNotDemanded,
    /// This machine's: no randomness, or TLS cannot be set up.
    #[error("{0}")]
    Local(&'static str),
    /// The network's, or the host's.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// The enclave did not meet the demands.
    #[error("{0}")]
    Evidence(#[from] EvidenceError),
    /// The answer was not sealed by the verified enclave for this request.
    #[error("the answer is not of the verified enclave: {0}")]
    Channel(#[from] ChannelError),
    /// The answer's receipt does not fit.
    #[error("{0}")]
    Receipt(#[from] ReceiptError),
    /// The answer is authentic, but of another model than was asked for and verified.
    #[error("the answer is of another model than the one that was verified")]
    OtherModel,
    /// The answer is authentic, but of a sort (exact, rounded, label alone) that the trust file does not allow.
    #[error("the answer is of a sort that the trust file does not allow")]
    OtherSort,
    /// The answer is authentic, but the head of the audit log in it is not signed by the verified enclave.
    #[error("the head of the audit log is not signed by the verified enclave")]
    AuditHead,
    /// The answer is authentic and says nothing that this protocol knows.
    #[error("the answer is not one of this protocol")]
    NotAnAnswer,
    /// The enclave refused, under seal.
    #[error("refused by the enclave: {0}")]
    Refused(#[from] Refusal),
}

/// Why no sealed answer came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("the host cannot be reached")]
    Unreachable,
    /// The connection broke before the whole answer was here.
    #[error("the connection broke")]
    Broken,
    /// No whole answer in time.
    #[error("the host did not answer in time")]
    TimedOut,
    /// More bytes than the protocol allows.
    #[error("the answer is longer than the protocol allows")]
    TooLong,
    /// 400: what arrived was not a message of the protocol.
    #[error("the message arrived damaged")]
    Malformed,
    /// 413: larger than host or release allow.
    #[error("the request is larger than is allowed")]
    TooLarge,
    /// 421, again after a new attestation.
    #[error("the session was lost")]
    Misdirected,
    /// 429, again after waiting.
    #[error("the host is busy")]
    Busy,
    /// 503, again after waiting.
    #[error("the enclave is not serving")]
    Unavailable,
    /// A status that this protocol does not have: another server.
    #[error("the host answered with HTTP status {0}, which a Strongroom host never does")]
    Status(u16),
}

/// Coarse reason of an error, one exit code each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The caller gave something unusable.
    Usage,
    /// The evidence was refused.
    Evidence(EvidenceClass),
    /// An answer is not bound to what was verified.
    Binding,
    /// The enclave, or a declared limit, refused.
    Refused,
    /// Nobody answered, or nobody who serves.
    Unreachable,
    /// Anything else.
    Other,
}

impl ClientError {
    /// The class of this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Url | Self::Request(_) => ErrorClass::Usage,
            Self::Evidence(error) => ErrorClass::Evidence(error.class()),
            Self::ModelNotDemanded
            | Self::Channel(_)
            | Self::Receipt(_)
            | Self::OtherModel
            | Self::OtherSort
            | Self::AuditHead => ErrorClass::Binding,
            Self::Refused(_) => ErrorClass::Refused,
            Self::Transport(error) => error.class(),
            Self::Local(_) | Self::NotAnAnswer => ErrorClass::Other,
        }
    }

    /// When the same request may pass, where the enclave said so. No such request is tried again by itself:
    /// each attempt would be charged, and only the caller knows what waiting is worth.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(
                Refusal::Limit { retry_after_ms: Some(ms), .. }
                | Refusal::Frozen { retry_after_ms: Some(ms) }
                | Refusal::Suspended { retry_after_ms: ms },
            ) => Some(Duration::from_millis(*ms)),
            _ => None,
        }
    }
}

impl ErrorClass {
    /// The exit code of a program that fails with it, the same in every program of ours.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Evidence(EvidenceClass::Document(FailureClass::ChainOrSignature)) => 10,
            Self::Evidence(EvidenceClass::Document(FailureClass::Pcr)) => 11,
            Self::Evidence(EvidenceClass::Document(FailureClass::Time)) => 12,
            Self::Evidence(EvidenceClass::Document(FailureClass::DebugImage)) => 13,
            Self::Evidence(EvidenceClass::Document(FailureClass::Binding)) | Self::Binding => 14,
            Self::Evidence(EvidenceClass::Signer) => 21,
            Self::Refused => 30,
            Self::Unreachable => 40,
            Self::Other => 1,
        }
    }

    /// One word for a program to tell them apart by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Evidence(_) => "evidence",
            Self::Binding => "binding",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Other => "other",
        }
    }
}

impl TransportError {
    /// What a status of the host other than 200 means.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match Code::from_http_status(status) {
            Some(Code::Malformed) => Self::Malformed,
            Some(Code::TooLarge) => Self::TooLarge,
            Some(Code::Misdirected) => Self::Misdirected,
            Some(Code::Busy) => Self::Busy,
            Some(Code::Unavailable) => Self::Unavailable,
            Some(Code::Ok) | None => Self::Status(status),
        }
    }

    const fn class(self) -> ErrorClass {
        match self {
            Self::Unreachable
            | Self::Broken
            | Self::TimedOut
            | Self::Misdirected
            | Self::Busy
            | Self::Unavailable => ErrorClass::Unreachable,
            // A host that finds a message too large proves no refusal: only what the enclave says under seal does.
            Self::TooLarge | Self::Malformed | Self::TooLong | Self::Status(_) => ErrorClass::Other,
        }
    }
}
