//! The one mapping from a failure to gRPC.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::failure::{Failure, Fault};

/// Metadata that says after how many seconds the same request may pass, as `Retry-After` does in HTTP.
const RETRY_AFTER: &str = "retry-after";

impl Fault {
    /// The status code of gRPC.
    const fn grpc(self) -> Code {
        match self {
            Self::Request | Self::Encoding => Code::InvalidArgument,
            Self::Key => Code::PermissionDenied,
            Self::Unknown => Code::NotFound,
            Self::Method => Code::Unimplemented,
            Self::TooLarge | Self::Limit => Code::ResourceExhausted,
            Self::OutOfDistribution => Code::FailedPrecondition,
            Self::Answer => Code::Internal,
            Self::NotReady => Code::Unavailable,
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let retry_after = failure.retry_after_seconds();
        let mut status = Self::new(failure.fault.grpc(), failure.message);
        if let Some(seconds) = retry_after {
            status.metadata_mut().insert(RETRY_AFTER, MetadataValue::from(seconds));
        }
        status
    }
}
