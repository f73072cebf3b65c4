//! How large an answer is: one size per model and size class of the request.

use serde::{Deserialize, Serialize};

use crate::limits::{MIN_RECORD_BYTES, RECORD_OVERHEAD_BYTES};
use strongroom_proto::limits::MAX_RECORD_BYTES;

/// The owner's statement of how large answers may be, from which their one padded size follows.
///
/// The size depends on the padded size of the request and on nothing inside it, so neither an
/// answer nor a refusal tells the host more than the request's size class already did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBound {
    /// Bytes of names and shapes of all outputs together.
    pub names_bytes: u64,
    /// Bytes of output for each KiB of padded request.
    pub bytes_per_request_kib: u64,
    /// Bytes of output that no answer exceeds.
    pub max_bytes: u64,
}

/// Bytes of an answer beside its outputs: receipt, refusal, field names.
const ENVELOPE_BYTES: u64 = 1536;

impl AnswerBound {
    /// A bound that holds for answers of either.
    #[must_use]
    pub fn or_larger(self, other: Self) -> Self {
        Self {
            names_bytes: self.names_bytes.max(other.names_bytes),
            bytes_per_request_kib: self.bytes_per_request_kib.max(other.bytes_per_request_kib),
            max_bytes: self.max_bytes.max(other.max_bytes),
        }
    }

    /// Bytes of the record that answers a request record of `request_bytes` (a power of two).
    #[must_use]
    pub fn record_bytes(&self, request_bytes: usize) -> usize {
        let request_kib = (request_bytes as u64).div_ceil(1024);
        let outputs = self.bytes_per_request_kib.saturating_mul(request_kib).min(self.max_bytes);
        let whole = outputs
            .saturating_add(self.names_bytes)
            .saturating_add(ENVELOPE_BYTES)
            .saturating_add(RECORD_OVERHEAD_BYTES as u64);
        let class = whole.checked_next_power_of_two().and_then(|class| usize::try_from(class).ok());
        class.unwrap_or(MAX_RECORD_BYTES).clamp(2 * MIN_RECORD_BYTES, MAX_RECORD_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn size_follows_the_request_class_up_to_the_bound() {
        let bound = AnswerBound { names_bytes: 80, bytes_per_request_kib: 100, max_bytes: 10_000 };
        assert_eq!(bound.record_bytes(1024), 2048);
        assert_eq!(bound.record_bytes(64 * 1024), 8192);
        assert_eq!(bound.record_bytes(MAX_RECORD_BYTES), 16_384);
    }

    proptest! {
        #[test]
        fn size_is_a_bounded_power_of_two(per_kib in any::<u64>(), max in any::<u64>(), class in 10..27_u32) {
            let bound = AnswerBound { names_bytes: max, bytes_per_request_kib: per_kib, max_bytes: max };
            let size = bound.record_bytes(1 << class);
            prop_assert!(size.is_power_of_two() && size <= MAX_RECORD_BYTES);
        }
    }
}
