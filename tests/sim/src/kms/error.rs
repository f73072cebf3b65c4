//! The errors of the KMS API: their names, HTTP statuses and JSON bodies.

use serde_json::{Value, json};

/// The names that KMS uses on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The policy says no, or nothing says yes.
    AccessDenied,
    /// Not a ciphertext of this service, or another encryption context.
    InvalidCiphertext,
    /// The ciphertext belongs to another key than the named one.
    IncorrectKey,
    /// The key is switched off.
    Disabled,
    /// No such key.
    NotFound,
    /// A list goes on from nowhere.
    InvalidMarker,
    /// The request does not fit the API's model.
    Validation,
    /// The policy is not one, or would lock its author out.
    MalformedPolicy,
    /// The session token's time is over.
    ExpiredToken,
    /// Nobody has this access key or session token.
    UnrecognizedClient,
    /// The signature or its date is wrong.
    InvalidSignature,
    /// The `Authorization` header lacks a part.
    IncompleteSignature,
    /// There is no `Authorization` header.
    MissingAuthentication,
    /// There is no such operation, or it is not simulated.
    UnknownOperation,
    /// The body is not the JSON that the operation takes.
    Serialization,
    /// The service's own trouble.
    Internal,
}

impl ErrorKind {
    /// The `__type` of the JSON body.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::Disabled => "DisabledException",
            Self::NotFound => "NotFoundException",
            Self::InvalidMarker => "InvalidMarkerException",
            Self::Validation => "ValidationException",
            Self::MalformedPolicy => "MalformedPolicyDocumentException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::MissingAuthentication => "MissingAuthenticationTokenException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Serialization => "SerializationException",
            Self::Internal => "KMSInternalException",
        }
    }

    /// The HTTP status: the JSON protocol has 400 for every fault of the caller.
    #[must_use]
    pub fn status(self) -> u16 {
        if self == Self::Internal { 500 } else { 400 }
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .kind.name())]
pub struct ApiError {
    /// Its name.
    pub kind: ErrorKind,
    /// Its text. KMS sends none with an invalid ciphertext.
    pub message: Option<String>,
}

impl ApiError {
    /// A refusal with a text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: Some(message.into()) }
    }

    /// A refusal without one.
    #[must_use]
    pub fn bare(kind: ErrorKind) -> Self {
        Self { kind, message: None }
    }

    /// The JSON body.
    #[must_use]
    pub fn body(&self) -> Value {
        match &self.message {
            Some(message) => json!({"__type": self.kind.name(), "message": message}),
            None => json!({"__type": self.kind.name()}),
        }
    }
}
