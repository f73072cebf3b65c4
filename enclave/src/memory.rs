//! The memory that messages have together: a share is taken before it is filled, and given back with what fills it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_link::limits::LARGE_BODY_BYTES;
use strongroom_proto::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory in KiB. Small things have a part of it to themselves, so that they never wait for large ones.
pub(crate) struct Memory {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A share of it, given back when dropped.
pub(crate) struct Share(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// Bytes, and the share that they fill.
struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl Memory {
    /// So many KiB, of which so many are for small things alone.
    pub(crate) fn new(kib: usize, small_kib: usize) -> Self {
        let pool = |kib| Arc::new(Semaphore::new(kib));
        Self { small: pool(small_kib), large: pool(kib.saturating_sub(small_kib)) }
    }

    /// Where something of this size takes its share.
    pub(crate) fn pool(&self, bytes: usize) -> &Arc<Semaphore> {
        if bytes <= LARGE_BODY_BYTES { &self.small } else { &self.large }
    }

    /// Waits for room for so many bytes.
    ///
    /// # Errors
    /// [`Code::Busy`] where none comes free in time, or where there is never as much.
    pub(crate) async fn share(&self, bytes: usize, limit: Duration) -> Result<Share, Code> {
        let kib = u32::try_from(bytes.div_ceil(1024)).map_err(|_| Code::Busy)?;
        let taken = Arc::clone(self.pool(bytes)).acquire_many_owned(kib);
        match tokio::time::timeout(limit, taken).await {
            Ok(Ok(permit)) => Ok(Share(permit)),
            _ => Err(Code::Busy),
        }
    }
}

impl Share {
    /// Bytes that give the share back with their last copy.
    pub(crate) fn filled(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: self })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn what_is_held_is_counted_until_its_last_copy_is_gone() {
        let memory = Memory::new(3 * 1024, 1024);
        let record = memory.share(2048 * 1024, SOON).await.unwrap().filled(vec![7; 2048 * 1024]);
        let copy = record.slice(5..6);
        drop(record);
        assert!(matches!(memory.share(LARGE_BODY_BYTES + 1, SOON).await, Err(Code::Busy)));
        assert!(memory.share(LARGE_BODY_BYTES, SOON).await.is_ok(), "small ones have their own");
        assert_eq!(copy.as_ref(), [7]);
        drop(copy);
        assert!(memory.share(2048 * 1024, SOON).await.is_ok());
        assert!(matches!(memory.share(4096 * 1024, SOON).await, Err(Code::Busy)), "more than there is");
    }
}
