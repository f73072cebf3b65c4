//! Charter, release and packages.

use std::path::Path;

use strongroom_proto::limits::{MAX_CHARTER_BYTES, MAX_RELEASE_BYTES};

use super::Finding;
use crate::config::{self, Settings};
use crate::store::{CHARTER_FILE, PACKAGES_FOLDER, Place, RELEASE_FILE, S3, S3Place};

const FILES: [(&str, usize); 2] = [(CHARTER_FILE, MAX_CHARTER_BYTES), (RELEASE_FILE, MAX_RELEASE_BYTES)];

const FILL: &str = "copy what the owner made into the store: charter.cose, release.bundle and \
    packages/NAME@VERSION.sealed";
const GRANT: &str = "let the role do s3:GetObject below the prefix, and s3:ListBucket so that a missing object is told \
    from a forbidden one; then see that the owner's files are there";

/// Whether they are there, in sizes that an enclave takes. Their signatures are the enclave's to judge.
pub(super) async fn check(settings: &Settings) -> Finding {
    match config::place(settings) {
        Err(error) => Finding::fail(
            error,
            "set store to a directory that is there, or to s3://BUCKET/PREFIX with s3-region",
        ),
        Ok(Place::Directory(root)) => directory(&root),
        Ok(Place::S3(place)) => bucket(settings, &place).await,
    }
}

fn directory(root: &Path) -> Finding {
    for (name, max_bytes) in FILES {
        match std::fs::metadata(root.join(name)) {
            Err(error) => return Finding::fail(format!("{name}: {}", error.kind()), FILL),
            Ok(found) if !is_good(found.len(), max_bytes) => return wrong_size(name, found.len()),
            Ok(_) => {}
        }
    }
    let entries = std::fs::read_dir(root.join(PACKAGES_FOLDER)).into_iter().flatten().flatten();
    let is_package = |path: &Path| path.extension().is_some_and(|extension| extension == "sealed");
    match entries.filter(|entry| is_package(&entry.path())).count() {
        0 => Finding::fail(format!("no package in {PACKAGES_FOLDER}"), FILL),
        count => Finding::pass(format!("charter, release and {count} packages at {}", root.display())),
    }
}

/// Packages are not counted: that would need leave to list the bucket.
async fn bucket(settings: &Settings, place: &S3Place) -> Finding {
    let source = match config::source(settings) {
        Ok(source) => source,
        Err(error) => return Finding::fail(error, "see the line credentials"),
    };
    let s3 = match S3::new(place, source) {
        Ok(s3) => s3,
        Err(error) => return Finding::fail(error, "correct store, s3-region and s3-endpoint"),
    };
    for (name, max_bytes) in FILES {
        match s3.look(name).await {
            Err(error) => return Finding::fail(format!("{name}: {error}"), GRANT),
            Ok(found) if !is_good(found.bytes, max_bytes) => return wrong_size(name, found.bytes),
            Ok(_) => {}
        }
    }
    Finding::pass(format!("charter and release at {}", Place::S3(place.clone())))
}

fn is_good(bytes: u64, max_bytes: usize) -> bool {
    (1..=max_bytes as u64).contains(&bytes)
}

fn wrong_size(name: &str, bytes: u64) -> Finding {
    Finding::fail(format!("{name} has {bytes} bytes, which no enclave takes"), FILL)
}
