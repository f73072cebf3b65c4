use std::os::unix::fs::symlink;

use strongroom_proto::limits::{MAX_CHARTER_BYTES, MAX_RANGE_BYTES};
use strongroom_proto::relay::Range;

use super::*;
use crate::store::{CHARTER_FILE, RELEASE_FILE, Store};

struct Folder {
    root: tempfile::TempDir,
    packages: PathBuf,
    store: Store,
}

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

fn folder() -> Folder {
    let root = tempfile::tempdir().unwrap();
    let packages = root.path().join("store").join(PACKAGES_FOLDER);
    fs::create_dir_all(&packages).unwrap();
    fs::write(packages.join("fraud@1.sealed"), b"0123456789").unwrap();
    fs::write(root.path().join("outside"), b"not for the enclave").unwrap();
    let store = Store::Directory(Directory::new(root.path().join("store")));
    Folder { packages, store, root }
}

fn range(package: &str, offset: u64, length: u32) -> Range {
    Range { package: package.parse().unwrap(), offset, length }
}

#[tokio::test]
async fn ranges_are_cut_at_the_end_of_the_file() {
    let folder = folder();
    for (offset, length, expected) in
        [(0, 4, b"0123".as_slice()), (8, 4, b"89"), (10, 4, b""), (u64::MAX, 4, b""), (0, 0, b"")]
    {
        assert_eq!(folder.store.read(&range("fraud@1", offset, length)).await.unwrap(), expected);
    }
    let long = u32::try_from(MAX_RANGE_BYTES).unwrap() + 1;
    assert_eq!(folder.store.read(&range("fraud@1", 0, long)).await, Err(StoreError::RangeTooLong));
    let missing = folder.store.read(&range("fraud@2", 0, 1)).await;
    assert_eq!(missing, Err(StoreError::Io(io::ErrorKind::NotFound)));
}

#[tokio::test]
async fn a_symlink_may_stay_inside_and_never_leave() {
    let folder = folder();
    symlink(folder.path("outside"), folder.packages.join("out@1.sealed")).unwrap();
    symlink("../../outside", folder.packages.join("up@1.sealed")).unwrap();
    symlink("fraud@1.sealed", folder.packages.join("same@1.sealed")).unwrap();
    fs::create_dir(folder.packages.join("folder@1.sealed")).unwrap();
    for package in ["out@1", "up@1", "folder@1"] {
        assert_eq!(folder.store.read(&range(package, 0, 4)).await, Err(StoreError::Outside), "{package}");
    }
    assert_eq!(folder.store.read(&range("same@1", 0, 4)).await.unwrap(), b"0123");
}

#[tokio::test]
async fn boot_documents_are_complete_and_bounded() {
    let folder = folder();
    assert_eq!(
        folder.store.boot_documents(vec![]).await.err(),
        Some(StoreError::Io(io::ErrorKind::NotFound))
    );
    fs::write(folder.path("store").join(CHARTER_FILE), b"charter").unwrap();
    fs::write(folder.path("store").join(RELEASE_FILE), b"release").unwrap();
    let documents = folder.store.boot_documents(b"state".to_vec()).await.unwrap();
    assert_eq!((documents.charter, documents.release), (b"charter".to_vec(), b"release".to_vec()));
    fs::write(folder.path("store").join(CHARTER_FILE), vec![0; MAX_CHARTER_BYTES + 1]).unwrap();
    assert_eq!(folder.store.boot_documents(vec![]).await.err(), Some(StoreError::TooLong));
}

#[tokio::test]
async fn a_changed_release_has_another_stamp() {
    let folder = folder();
    assert_eq!(folder.store.release_stamp().await, Err(StoreError::Io(io::ErrorKind::NotFound)));
    fs::write(folder.path("store").join(RELEASE_FILE), b"one").unwrap();
    let first = folder.store.release_stamp().await.unwrap();
    assert!(!first.is_settled() && folder.store.release_stamp().await.as_ref() == Ok(&first));
    fs::write(folder.path("store").join(RELEASE_FILE), b"second").unwrap();
    assert_ne!(folder.store.release_stamp().await, Ok(first));
}
