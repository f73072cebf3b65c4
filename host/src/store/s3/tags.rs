//! Which object the ranges of a package came from.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_proto::name::PackageId;

use crate::limits::MAX_REMEMBERED_TAGS;

/// Entity tags by package. One that is forgotten costs the early notice of a replaced package only;
/// the enclave notices it anyway.
#[derive(Default)]
pub(super) struct Tags(Mutex<HashMap<PackageId, String>>);

impl Tags {
    pub(super) fn of(&self, package: &PackageId) -> Option<String> {
        self.held().get(package).cloned()
    }

    pub(super) fn remember(&self, package: &PackageId, tag: &str) {
        let mut held = self.held();
        if held.len() >= MAX_REMEMBERED_TAGS && !held.contains_key(package) {
            held.clear();
        }
        held.insert(package.clone(), tag.to_owned());
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PackageId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tag_counts_and_their_number_is_bounded() {
        let tags = Tags::default();
        let package = |n: usize| format!("m{n}@1").parse::<PackageId>().unwrap();
        tags.remember(&package(0), "a");
        tags.remember(&package(0), "b");
        assert_eq!(tags.of(&package(0)).as_deref(), Some("b"));
        for n in 0..3 * MAX_REMEMBERED_TAGS {
            tags.remember(&package(n), "c");
            assert!(tags.held().len() <= MAX_REMEMBERED_TAGS);
            assert_eq!(tags.of(&package(n)).as_deref(), Some("c"));
        }
        assert_eq!(tags.of(&package(0)), None);
    }
}
