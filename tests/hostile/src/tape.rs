//! Everything that passed through the host's hands.

use std::sync::{Mutex, PoisonError};

/// Bytes in the order in which they came by. Secrets are looked for in it afterwards.
#[derive(Default)]
pub struct Tape(Mutex<Vec<u8>>);

/// Something that the host must never see.
pub(crate) struct Secret {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Tape {
    pub(crate) fn record(&self, bytes: &[u8]) {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tape.extend_from_slice(bytes);
        // Nothing is found across two messages.
        tape.extend_from_slice(b"\n--\n");
    }

    /// The first of these that is on the tape.
    pub(crate) fn holds(&self, secrets: &[Secret]) -> Option<&'static str> {
        let tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |secret: &&Secret| memchr::memmem::find(&tape, &secret.bytes).is_some();
        secrets.iter().find(found).map(|secret| secret.name)
    }

    /// Bytes on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passed_is_found_and_nothing_across_two_messages() {
        let (tape, secret) = (Tape::default(), |bytes: &[u8]| [Secret { name: "it", bytes: bytes.to_vec() }]);
        tape.record(b"one secret");
        tape.record(b"two");
        assert_eq!(tape.holds(&secret(b"secret")), Some("it"));
        assert_eq!(tape.holds(&secret(b"secrettwo")), None);
    }
}
