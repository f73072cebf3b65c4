//! The errors of the S3 API: their codes, statuses and XML bodies.

/// The codes that S3 uses on the wire (S3 API reference, "Error responses").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3ErrorKind {
    /// Nothing allows it, or the URL's life is over.
    AccessDenied,
    /// Nobody has this access key.
    InvalidAccessKeyId,
    /// The session token is not this access key's.
    InvalidToken,
    /// The session token's time is over.
    ExpiredToken,
    /// The signature is not that of the request.
    SignatureDoesNotMatch,
    /// The date is too far ahead.
    RequestTimeTooSkewed,
    /// A part of the signature is missing or names another region or service.
    AuthorizationQueryParametersError,
    /// No such bucket.
    NoSuchBucket,
    /// No such object.
    NoSuchKey,
    /// The object is in another state than the condition demands.
    PreconditionFailed,
    /// The object ends before the range.
    InvalidRange,
    /// The bucket is only read here.
    MethodNotAllowed,
    /// S3 knows it, the simulation does not.
    NotImplemented,
    /// Too many requests.
    SlowDown,
    /// The service's own trouble.
    InternalError,
}

impl S3ErrorKind {
    /// The code of the XML body.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::InvalidAccessKeyId => "InvalidAccessKeyId",
            Self::InvalidToken => "InvalidToken",
            Self::ExpiredToken => "ExpiredToken",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::AuthorizationQueryParametersError => "AuthorizationQueryParametersError",
            Self::NoSuchBucket => "NoSuchBucket",
            Self::NoSuchKey => "NoSuchKey",
            Self::PreconditionFailed => "PreconditionFailed",
            Self::InvalidRange => "InvalidRange",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NotImplemented => "NotImplemented",
            Self::SlowDown => "SlowDown",
            Self::InternalError => "InternalError",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidToken | Self::ExpiredToken | Self::AuthorizationQueryParametersError => 400,
            Self::AccessDenied
            | Self::InvalidAccessKeyId
            | Self::SignatureDoesNotMatch
            | Self::RequestTimeTooSkewed => 403,
            Self::NoSuchBucket | Self::NoSuchKey => 404,
            Self::MethodNotAllowed => 405,
            Self::PreconditionFailed => 412,
            Self::InvalidRange => 416,
            Self::InternalError => 500,
            Self::NotImplemented => 501,
            Self::SlowDown => 503,
        }
    }

    /// The XML body.
    #[must_use]
    pub fn body(self) -> String {
        let code = self.code();
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>")
    }
}
