//! What S3 did not do.

use http::StatusCode;

use crate::credentials::CredentialsError;

/// Why S3 handed nothing over. Carries nothing that S3 sent but a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3Error {
    /// The client cannot be set up.
    #[error("the client cannot be set up for this bucket and endpoint")]
    Setup,
    /// There is nothing to sign with.
    #[error("no credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// No connection.
    #[error("the endpoint cannot be reached")]
    Unreachable,
    /// The connection ended inside an answer.
    #[error("the answer broke off")]
    Broken,
    /// No whole answer in time.
    #[error("no whole answer in time")]
    TimedOut,
    /// Status 403. S3 also answers so for a missing object where listing is not allowed.
    #[error(
        "403: the role may not read the object, or its credentials are not accepted, or the object is missing \
         and the role may not list the bucket"
    )]
    Denied,
    /// Status 404.
    #[error("404: no such bucket or object")]
    Missing,
    /// Status 412.
    #[error("412: the object was replaced between two ranges")]
    Replaced,
    /// Status 301 or 307.
    #[error("{0}: the bucket is in another region")]
    Elsewhere(u16),
    /// Any other status.
    #[error("status {0}")]
    Status(u16),
    /// The object is longer than its kind may be.
    #[error("the object is too long")]
    TooLong,
    /// The answer is not what was asked for.
    #[error("an answer of another form: {0}")]
    Unexpected(&'static str),
}

impl S3Error {
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            code @ (301 | 307) => Self::Elsewhere(code),
            403 => Self::Denied,
            404 => Self::Missing,
            412 => Self::Replaced,
            code => Self::Status(code),
        }
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::Broken | Self::TimedOut | Self::Status(429 | 500..))
    }

    /// Whether other credentials may help. S3 answers 400 to an expired token.
    pub(super) fn is_about_credentials(self) -> bool {
        matches!(self, Self::Denied | Self::Status(400 | 401))
    }
}
