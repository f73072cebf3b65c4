//! Where charter, release bundle and sealed packages come from: a directory or an S3 bucket.
//!
//! ```text
//! STORE/charter.cose
//! STORE/release.bundle
//! STORE/packages/NAME@VERSION.sealed
//! ```
//!
//! Everything in it is public or sealed. A package is found by a [`PackageId`] alone, which cannot
//! spell a path, and is read in ranges, so that this host never holds a whole one.
//!
//! [`PackageId`]: strongroom_proto::name::PackageId

mod directory;
mod place;
mod s3;
pub(crate) mod watch;

use std::io;
use std::time::{Duration, SystemTime};

use strongroom_proto::limits::{MAX_CHARTER_BYTES, MAX_RANGE_BYTES, MAX_RELEASE_BYTES};
use strongroom_proto::relay::{BootDocuments, Range};

use crate::credentials::Source;
use crate::limits::{S3_PERIOD, STORE_PERIOD};

pub(crate) use directory::Directory;
pub use place::{Bucket, Location, LocationError, Place, Prefix, Region, S3Endpoint, S3Place};
pub(crate) use s3::S3;
pub use s3::S3Error;

/// File name of the charter.
pub const CHARTER_FILE: &str = "charter.cose";
/// File name of the current release bundle.
pub const RELEASE_FILE: &str = "release.bundle";
/// Folder of the sealed packages.
pub const PACKAGES_FOLDER: &str = "packages";

/// An opened store. It need not be complete yet.
pub(crate) enum Store {
    Directory(Directory),
    S3(Box<S3>),
}

/// Why something was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("i/o: {0}")]
    Io(io::ErrorKind),
    /// Longer than this kind of file may be.
    #[error("file is too long")]
    TooLong,
    /// More bytes were asked for than one range holds.
    #[error("range is too long")]
    RangeTooLong,
    /// Not a regular file inside the folder.
    #[error("not a regular file inside the store")]
    Outside,
    /// S3 did not hand it over.
    #[error("s3: {0}")]
    S3(#[from] S3Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// What the release looked like; a changed stamp is a changed release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    File {
        modified: SystemTime,
        bytes: u64,
    },
    /// The entity tag of an S3 object.
    Object(String),
}

impl Stamp {
    /// Whether one look suffices: S3 shows an object only when it is whole.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

impl Store {
    /// Prepares a store; nothing is read before it is asked for.
    ///
    /// # Errors
    /// [`S3Error::Setup`].
    pub(crate) fn open(place: &Place, source: &Source) -> Result<Self, StoreError> {
        Ok(match place {
            Place::Directory(root) => Self::Directory(Directory::new(root.clone())),
            Place::S3(place) => Self::S3(Box::new(S3::new(place, source.clone())?)),
        })
    }

    /// Reads charter and current release, and puts the state that was kept beside them.
    pub(crate) async fn boot_documents(&self, state: Vec<u8>) -> Result<BootDocuments, StoreError> {
        let charter = self.whole(CHARTER_FILE, MAX_CHARTER_BYTES).await?;
        Ok(BootDocuments { charter, release: self.release().await?, state })
    }

    /// Reads the current release bundle.
    pub(crate) async fn release(&self) -> Result<Vec<u8>, StoreError> {
        self.whole(RELEASE_FILE, MAX_RELEASE_BYTES).await
    }

    /// Reads a range of a package; fewer bytes only at its end.
    pub(crate) async fn read(&self, range: &Range) -> Result<Vec<u8>, StoreError> {
        let length = usize::try_from(range.length).map_err(|_| StoreError::RangeTooLong)?;
        if length > MAX_RANGE_BYTES {
            return Err(StoreError::RangeTooLong);
        }
        match self {
            Self::Directory(directory) => directory.read(&range.package, range.offset, length).await,
            Self::S3(s3) => Ok(s3.read(&range.package, range.offset, length).await?),
        }
    }

    /// Looks at the release without reading it.
    pub(crate) async fn release_stamp(&self) -> Result<Stamp, StoreError> {
        match self {
            Self::Directory(directory) => directory.stamp(RELEASE_FILE).await,
            Self::S3(s3) => Ok(Stamp::Object(s3.look(RELEASE_FILE).await?.tag)),
        }
    }

    /// How often the release is looked at.
    pub(crate) const fn period(&self) -> Duration {
        match self {
            Self::Directory(_) => STORE_PERIOD,
            Self::S3(_) => S3_PERIOD,
        }
    }

    async fn whole(&self, name: &'static str, max_bytes: usize) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Directory(directory) => directory.whole(name, max_bytes).await,
            Self::S3(s3) => s3.whole(name, max_bytes).await,
        }
    }
}
