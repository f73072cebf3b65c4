//! What can go wrong with a KMS call, sorted by whose fault it is.

use std::fmt;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use crate::connector::Failed;

/// Why a KMS operation did not succeed. Repeats nothing of what KMS, or somebody in its place, answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KmsError {
    /// Ours: the pinned TLS roots are empty or unreadable.
    #[error("tls roots are empty or unreadable")]
    Roots,
    /// Ours: an argument is outside what KMS takes.
    #[error("kms request is outside the service's bounds: {0}")]
    Request(&'static str),
    /// Ours: the key lives in another region than this client.
    #[error("kms key is in another region than the client")]
    OtherRegion,
    /// Ours: an RSA key pair could not be made.
    #[error("recipient key cannot be made")]
    RecipientKey,
    /// The host's: no credentials were given yet.
    #[error("no aws credentials were given")]
    NoCredentials,
    /// The host's: the given credentials have expired or are about to.
    #[error("aws credentials have expired")]
    CredentialsExpired,
    /// The network's: no connection, or it broke.
    #[error("kms is unreachable")]
    Unreachable,
    /// The network's: no whole answer in time.
    #[error("kms did not answer in time")]
    TimedOut,
    /// The other end's: it could not prove to be KMS under the pinned roots.
    #[error("the other end is not kms under the pinned tls roots")]
    Tls,
    /// KMS refused.
    #[error("kms refused: {0}")]
    Refused(Refusal),
    /// KMS answered, but not what it must.
    #[error("kms answer is not acceptable: {0}")]
    BadAnswer(BadAnswer),
}

/// The error codes of KMS that lead to different reactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// `AccessDeniedException`: the key policy or an IAM policy does not let the caller.
    AccessDenied,
    /// `InvalidCiphertextException`: wrong encryption context, or not a ciphertext of KMS.
    InvalidCiphertext,
    /// `IncorrectKeyException`: the ciphertext belongs to another key.
    IncorrectKey,
    /// `DisabledException`: the owner disabled the key.
    Disabled,
    /// `KMSInvalidStateException`: for instance scheduled for deletion.
    InvalidState,
    /// `NotFoundException`: no such key.
    NotFound,
    /// `ExpiredTokenException`: the session token has expired in KMS's eyes.
    ExpiredToken,
    /// `UnrecognizedClientException` and kin: KMS does not know these credentials.
    UnknownCredentials,
    /// `InvalidSignatureException` and kin: wrong secret, or a clock more than five minutes off.
    Signature,
    /// `ThrottlingException`, `LimitExceededException`.
    Throttled,
    /// `ValidationException` and kin: KMS found the request malformed.
    Validation,
    /// `MalformedPolicyDocumentException`.
    MalformedPolicy,
    /// `KMSInternalException`, `DependencyTimeoutException` and kin: KMS's own trouble.
    Internal,
    /// Any other code.
    Other,
}

impl Refusal {
    /// Sorts an error code of the service.
    fn from_code(code: &str) -> Self {
        match code {
            "AccessDeniedException" => Self::AccessDenied,
            "InvalidCiphertextException" => Self::InvalidCiphertext,
            "IncorrectKeyException" => Self::IncorrectKey,
            "DisabledException" => Self::Disabled,
            "KMSInvalidStateException" => Self::InvalidState,
            "NotFoundException" => Self::NotFound,
            "ExpiredTokenException" | "ExpiredToken" => Self::ExpiredToken,
            "UnrecognizedClientException" | "MissingAuthenticationTokenException" => Self::UnknownCredentials,
            "InvalidSignatureException" | "IncompleteSignatureException" => Self::Signature,
            "ThrottlingException" | "LimitExceededException" | "RequestLimitExceeded" => Self::Throttled,
            "ValidationException" | "InvalidArnException" | "SerializationException" => Self::Validation,
            "MalformedPolicyDocumentException" => Self::MalformedPolicy,
            "KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException" => {
                Self::Internal
            }
            "InternalFailure" | "ServiceUnavailable" => Self::Internal,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessDenied => "access denied",
            Self::InvalidCiphertext => "invalid ciphertext or encryption context",
            Self::IncorrectKey => "ciphertext of another key",
            Self::Disabled => "key is disabled",
            Self::InvalidState => "key is in a state that does not allow this",
            Self::NotFound => "no such key",
            Self::ExpiredToken => "session token has expired",
            Self::UnknownCredentials => "credentials are not known",
            Self::Signature => "request signature is not valid",
            Self::Throttled => "too many requests",
            Self::Validation => "request is malformed",
            Self::MalformedPolicy => "key policy is malformed",
            Self::Internal => "internal failure of the service",
            Self::Other => "another reason",
        })
    }
}

/// How an answer breaks the contract of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadAnswer {
    /// It names another key than the one asked for, or none.
    OtherKey,
    /// It carries a plaintext although the request named a recipient.
    Plaintext,
    /// It carries no `CiphertextForRecipient`.
    NotForRecipient,
    /// `CiphertextForRecipient` cannot be opened with the recipient key.
    Unopenable,
    /// It cannot be read, or lacks a field.
    Malformed,
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherKey => "names another key",
            Self::Plaintext => "plaintext in the clear",
            Self::NotForRecipient => "no ciphertext for the recipient",
            Self::Unopenable => "ciphertext for the recipient does not open",
            Self::Malformed => "malformed",
        })
    }
}

/// Sorts an error of the SDK. The service's codes are matched as text, because the SDK's error types lack some
/// of them (`DecryptError` knows no access-denied variant).
impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for KmsError {
    fn from(error: SdkError<E, R>) -> Self {
        match &error {
            SdkError::ServiceError(e) => {
                Self::Refused(e.err().code().map_or(Refusal::Other, Refusal::from_code))
            }
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::ResponseError(_) => Self::BadAnswer(BadAnswer::Malformed),
            SdkError::DispatchFailure(e) => match e.as_connector_error().and_then(Failed::find) {
                Some(Failed::Tls) => Self::Tls,
                Some(Failed::TooLong) => Self::BadAnswer(BadAnswer::Malformed),
                Some(Failed::Time) => Self::TimedOut,
                Some(Failed::Request) => Self::Request("not a request to this endpoint"),
                Some(Failed::Stream) | None => Self::Unreachable,
            },
            _ => Self::Request("the sdk could not build it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lower_case_and_codes_are_told_apart() {
        let codes = [
            ("AccessDeniedException", Refusal::AccessDenied),
            ("InvalidCiphertextException", Refusal::InvalidCiphertext),
            ("ExpiredTokenException", Refusal::ExpiredToken),
            ("ThrottlingException", Refusal::Throttled),
            ("<script>", Refusal::Other),
        ];
        for (code, refusal) in codes {
            assert_eq!(Refusal::from_code(code), refusal);
            let message = KmsError::Refused(refusal).to_string();
            assert_eq!(message, message.to_lowercase());
            assert!(!message.contains(code));
        }
    }
}
