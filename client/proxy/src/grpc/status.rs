//! The one mapping from a failure to gRPC.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::failure::{Failure, Fault};

/// Metadata that says after how many seconds the same request may pass, as `Retry-After` does in HTTP.
const RETRY_AFTER: &str = "retry-after";

/// The status code of gRPC.
const fn code(fault: Fault) -> Code {
    match fault {
        Fault::Request | Fault::Encoding => Code::InvalidArgument,
        Fault::Key => Code::PermissionDenied,
        Fault::Unknown => Code::NotFound,
        Fault::Method => Code::Unimplemented,
        Fault::TooLarge | Fault::Limit => Code::ResourceExhausted,
        Fault::OutOfDistribution => Code::FailedPrecondition,
        Fault::Answer => Code::Internal,
        Fault::NotReady => Code::Unavailable,
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let retry_after = failure.retry_after_seconds();
        let mut status = Self::new(code(failure.fault), failure.message);
        if let Some(seconds) = retry_after {
            status.metadata_mut().insert(RETRY_AFTER, MetadataValue::from(seconds));
        }
        status
    }
}
