//! Certificate paths that were verified in full, so that the next document of the same enclave costs one signature and not five.
//!
//! A path's verification depends on its bytes, its root and the time alone. So a path is remembered by a digest of all its
//! certificates, together with the time in which every one of them is valid: within that time the same bytes pass again, and
//! outside of it nothing is remembered of them. What was refused is never remembered. The memory belongs to one root, and
//! clones of that root share it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{Context, SHA256};

use super::certificate::Facts;
use super::validity::Validity;
use crate::document::Document;
use crate::limits::MAX_KNOWN_PATHS;
use crate::time::UnixMillis;

/// SHA-256 over every certificate of a path with its length in front.
type PathDigest = [u8; 32];

/// The paths under one root that were verified.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownPaths(Arc<Mutex<VecDeque<(PathDigest, Validity)>>>);

impl KnownPaths {
    /// Whether this document's path was verified before and still holds at this time.
    pub(crate) fn holds(&self, document: &Document, now: UnixMillis) -> bool {
        let wanted = digest(document);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(path, valid)| *path == wanted && valid.contains(now))
    }

    /// Remembers a path that passed. The oldest is forgotten where there is no room.
    pub(crate) fn remember(&self, document: &Document) {
        let Some(valid) = valid(document) else { return };
        let path = digest(document);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| *other != path);
        if known.len() >= MAX_KNOWN_PATHS {
            known.pop_front();
        }
        known.push_back((path, valid));
    }
}

#[cfg(test)]
impl KnownPaths {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What was verified is no part of which root it is.
impl PartialEq for KnownPaths {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for KnownPaths {}

fn digest(document: &Document) -> PathDigest {
    let mut context = Context::new(&SHA256);
    let issuers = document.cabundle().iter().map(Vec::as_slice);
    for certificate in issuers.chain([document.certificate()]) {
        context.update(&certificate.len().to_be_bytes());
        context.update(certificate);
    }
    let mut path = PathDigest::default();
    path.copy_from_slice(context.finish().as_ref());
    path
}

/// When all certificates but the root are valid, whose own time is checked on its own.
fn valid(document: &Document) -> Option<Validity> {
    let issuers = document.cabundle().iter().skip(1);
    let mut all = Facts::read(document.certificate())?.validity;
    for issuer in issuers {
        let Validity { not_before, not_after } = Facts::read(issuer)?.validity;
        all.not_before = all.not_before.max(not_before);
        all.not_after = all.not_after.min(not_after);
    }
    Some(all)
}
