//! Pauses before what failed is tried again: short at first, because most trouble passes at once, then longer, because
//! what lasts is not helped by asking.

use std::time::Duration;

use crate::limits::{MAX_RELEASE_RETRY, MIN_RELEASE_RETRY};

/// Pauses that double from [`MIN_RELEASE_RETRY`] to [`MAX_RELEASE_RETRY`].
pub(crate) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(MIN_RELEASE_RETRY)
    }
}

impl Pauses {
    /// The pause that is due. The next one is longer.
    pub(crate) fn longer(&mut self) -> Duration {
        let due = self.0;
        self.0 = (2 * due).min(MAX_RELEASE_RETRY);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_their_bound() {
        let mut pauses = Pauses::default();
        let millis: Vec<_> = (0..6).map(|_| pauses.longer().as_millis()).collect();
        assert_eq!(millis, [250, 500, 1000, 2000, 2000, 2000]);
    }
}
