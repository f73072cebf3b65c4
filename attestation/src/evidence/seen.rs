//! The charter and the release that were verified last, so that the next hello of the same deployment verifies neither anew.
//!
//! Whether their signatures hold depends on their bytes alone, and for a release on its charter's. So the same bytes are
//! not judged twice; all that depends on time, image or demand is judged each time. What was refused is not remembered.

use std::sync::{Mutex, PoisonError};

use strongroom_seal::digest::CharterDigest;
use strongroom_seal::signed::Opened;

use crate::charter::{CharterError, SignedCharter};
use crate::release::{AcceptedRelease, ReleaseError};

/// What one client has verified. Shared by the clones of its demands.
#[derive(Debug, Default)]
pub(super) struct Seen {
    charter: Mutex<Option<SignedCharter>>,
    release: Mutex<Option<SeenRelease>>,
}

#[derive(Debug)]
struct SeenRelease {
    charter: CharterDigest,
    document: Vec<u8>,
    opened: Opened,
}

impl Seen {
    /// As [`SignedCharter::open`].
    pub(super) fn charter(&self, document: &[u8]) -> Result<SignedCharter, CharterError> {
        let mut last = self.charter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(charter) = last.as_ref().filter(|charter| charter.document() == document) {
            return Ok(charter.clone());
        }
        let charter = SignedCharter::open(document)?;
        *last = Some(charter.clone());
        Ok(charter)
    }

    /// As [`AcceptedRelease::open`].
    pub(super) fn release(&self, document: &[u8], charter: &SignedCharter) -> Result<Opened, ReleaseError> {
        let mut last = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |seen: &&SeenRelease| seen.charter == charter.digest() && seen.document == document;
        if let Some(seen) = last.as_ref().filter(same) {
            return Ok(seen.opened.clone());
        }
        let opened = AcceptedRelease::open(document, charter)?;
        let (charter, document) = (charter.digest(), document.to_vec());
        *last = Some(SeenRelease { charter, document, opened: opened.clone() });
        Ok(opened)
    }
}
