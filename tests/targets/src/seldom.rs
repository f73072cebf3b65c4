//! What is done in some executions alone: it costs most of a fuzzer's time, and no fuzzer learns from it.

/// One execution in so many.
const ONE_IN: u8 = 16;

/// Whether this is one of those executions. The bytes decide, so that a finding is found again.
pub(crate) fn seldom(bytes: &[u8]) -> bool {
    bytes.iter().copied().fold(0, u8::wrapping_add).is_multiple_of(ONE_IN)
}
