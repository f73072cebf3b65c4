//! A bucket of S3, read with presigned requests of this host's role.
//!
//! S3 is trusted no more than a disk: what a package holds is judged by the enclave. Checks of
//! lengths and ranges here give a clear message where the enclave could only say that a package is
//! damaged.

mod answer;
mod client;
mod error;
mod keys;
mod tags;

use strongroom_proto::name::PackageId;

use self::answer::Wanted;
use self::client::{Ask, Client};
use self::tags::Tags;
use super::{PACKAGES_FOLDER, Prefix, S3Place, StoreError};
use crate::credentials::Source;

pub use error::S3Error;

/// The objects below one prefix of a bucket.
pub(crate) struct S3 {
    prefix: Prefix,
    client: Client,
    tags: Tags,
}

/// What an object looks like from outside.
pub(crate) struct Look {
    pub(crate) tag: String,
    pub(crate) bytes: u64,
}

impl S3 {
    /// Prepares a client; nothing is dialled before the first request.
    pub(crate) fn new(place: &S3Place, source: Source) -> Result<Self, S3Error> {
        Ok(Self { prefix: place.prefix.clone(), client: Client::new(place, source)?, tags: Tags::default() })
    }

    /// Reads an object of at most `max_bytes`.
    pub(super) async fn whole(&self, name: &str, max_bytes: usize) -> Result<Vec<u8>, StoreError> {
        let ask = Ask { key: self.key(name), wanted: Wanted::Whole { max_bytes }, tag: None };
        match self.client.get(&ask).await {
            Err(S3Error::TooLong) => Err(StoreError::TooLong),
            object => Ok(object?.bytes.into()),
        }
    }

    /// Looks at an object without reading it.
    pub(crate) async fn look(&self, name: &str) -> Result<Look, S3Error> {
        let object = self.client.get(&Ask { key: self.key(name), wanted: Wanted::Look, tag: None }).await?;
        Ok(Look { tag: object.tag, bytes: object.length })
    }

    /// Reads a range of a package; fewer bytes only at its end. The first range of a package says
    /// which object the later ones must come from.
    pub(super) async fn read(
        &self,
        package: &PackageId,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, S3Error> {
        let key = self.key(&format!("{PACKAGES_FOLDER}/{}", package.file_name()));
        // S3 has no empty ranges.
        let last = offset.saturating_add(length.max(1) as u64 - 1);
        let tag = if offset == 0 { None } else { self.tags.of(package) };
        let object = self.client.get(&Ask { key, wanted: Wanted::Range { first: offset, last }, tag }).await;
        if offset == 0
            && let Ok(object) = &object
        {
            self.tags.remember(package, &object.tag);
        }
        let mut bytes = object?.bytes;
        bytes.truncate(length);
        Ok(bytes.into())
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix.as_str())
    }
}
