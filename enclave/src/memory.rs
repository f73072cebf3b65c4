//! The memory that messages have together: a share is taken before it is filled, and given back with what fills it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_link::limits::LARGE_BODY_BYTES;
use strongroom_proto::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::SMALL_BYTES;

/// One for each size of messages, so that smaller ones never wait for larger ones.
pub(crate) struct BySize<T> {
    pub(crate) small: T,
    pub(crate) medium: T,
    pub(crate) large: T,
}

impl<T> BySize<T> {
    /// That of something of so many bytes.
    pub(crate) fn of(&self, bytes: usize) -> &T {
        if bytes <= SMALL_BYTES {
            &self.small
        } else if bytes <= LARGE_BODY_BYTES {
            &self.medium
        } else {
            &self.large
        }
    }
}

/// Where answers that took no core wait for their memory: in the order in which they came, whosever they are, for by keys the host
/// could tell those that were refused. Few at a time stand before the memory itself, where runs stand, too: anybody can make many.
pub(crate) struct Queues(BySize<Semaphore>);

impl Queues {
    /// So many of each size stand before the memory at once.
    pub(crate) fn new(first: usize) -> Self {
        let queue = || Semaphore::new(first);
        Self(BySize { small: queue(), medium: queue(), large: queue() })
    }

    /// Waits for a share for so many bytes.
    ///
    /// # Errors
    /// [`Code::Busy`] where none comes free in time, waiting for one's turn included.
    pub(crate) async fn share(&self, memory: &Memory, bytes: usize, limit: Duration) -> Result<Share, Code> {
        let waited = async {
            let _first = self.0.of(bytes).acquire().await.map_err(|_| Code::Busy)?;
            memory.share(bytes, limit).await
        };
        timeout(limit, waited).await.map_err(|_| Code::Busy)?
    }
}

/// Memory in KiB. Smaller things have parts of it to themselves.
pub(crate) struct Memory(BySize<Arc<Semaphore>>);

/// A share of it, given back when dropped.
pub(crate) struct Share(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// Bytes, and the share that they fill.
struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl Memory {
    /// So many KiB, of which so many are for small things alone, and so many for medium ones.
    pub(crate) fn new(kib: usize, small_kib: usize, medium_kib: usize) -> Self {
        let pool = |kib| Arc::new(Semaphore::new(kib));
        let large = kib.saturating_sub(small_kib).saturating_sub(medium_kib);
        Self(BySize { small: pool(small_kib), medium: pool(medium_kib), large: pool(large) })
    }

    /// Where something of this size takes its share.
    pub(crate) fn pool(&self, bytes: usize) -> &Arc<Semaphore> {
        self.0.of(bytes)
    }

    /// A share for so many bytes, where there is room at this moment.
    pub(crate) fn share_now(&self, bytes: usize) -> Option<Share> {
        let kib = u32::try_from(bytes.div_ceil(1024)).ok()?;
        Arc::clone(self.pool(bytes)).try_acquire_many_owned(kib).ok().map(Share)
    }

    /// Waits for room for so many bytes.
    ///
    /// # Errors
    /// [`Code::Busy`] where none comes free in time, or where there is never as much.
    pub(crate) async fn share(&self, bytes: usize, limit: Duration) -> Result<Share, Code> {
        let kib = u32::try_from(bytes.div_ceil(1024)).map_err(|_| Code::Busy)?;
        let taken = Arc::clone(self.pool(bytes)).acquire_many_owned(kib);
        match timeout(limit, taken).await {
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
    use std::sync::Mutex;

    use tokio::task::JoinSet;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SOON: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn what_is_held_is_counted_until_its_last_copy_is_gone() {
        let memory = Memory::new(3 * 1024 + 64, 64, 1024);
        let record = memory.share(2048 * 1024, SOON).await.unwrap().filled(vec![7; 2048 * 1024]);
        let copy = record.slice(5..6);
        drop(record);
        assert!(matches!(memory.share(LARGE_BODY_BYTES + 1, SOON).await, Err(Code::Busy)));
        assert!(memory.share_now(LARGE_BODY_BYTES + 1).is_none());
        let medium = memory.share(LARGE_BODY_BYTES, SOON).await.unwrap();
        assert!(memory.share_now(SMALL_BYTES + 1).is_none());
        assert!(memory.share_now(SMALL_BYTES).is_some(), "small ones have their own");
        assert_eq!(copy.as_ref(), [7]);
        drop((copy, medium));
        assert!(memory.share(2048 * 1024, SOON).await.is_ok());
        assert!(matches!(memory.share(4096 * 1024, SOON).await, Err(Code::Busy)), "more than there is");
    }

    #[tokio::test]
    async fn many_answers_that_took_no_core_go_before_a_run_by_few() {
        let memory = Arc::new(Memory::new(64, 64, 0));
        let (queues, order) = (Arc::new(Queues::new(2)), Arc::new(Mutex::new(Vec::new())));
        let all = memory.share_now(SMALL_BYTES).unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..20 {
            let (memory, queues, order) = (Arc::clone(&memory), Arc::clone(&queues), Arc::clone(&order));
            waiting.spawn(async move {
                let share = queues.share(&memory, SMALL_BYTES, LONG).await;
                order.lock().unwrap().push("answer");
                share.is_ok()
            });
        }
        let run = async {
            tokio::task::yield_now().await;
            let share = memory.share(SMALL_BYTES, LONG).await;
            order.lock().unwrap().push("run");
            share.is_ok()
        };
        let free = async {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            drop(all);
        };
        let (run, ()) = tokio::join!(run, free);
        assert!(run && waiting.join_all().await.into_iter().all(|served| served));
        let before = order.lock().unwrap().iter().position(|who| *who == "run");
        assert!(before.is_some_and(|before| before <= 2), "{before:?} of 20 went before it");
    }

    #[tokio::test]
    async fn who_waits_behind_others_waits_no_longer_than_allowed() {
        let (memory, queues) = (Memory::new(64, 64, 0), Queues::new(1));
        let all = memory.share_now(SMALL_BYTES).unwrap();
        let first = queues.share(&memory, SMALL_BYTES, LONG);
        let others = async {
            tokio::task::yield_now().await;
            let second = queues.share(&memory, SMALL_BYTES, SOON).await;
            drop(all);
            second
        };
        let (first, second) = tokio::join!(first, others);
        assert!(first.is_ok() && matches!(second, Err(Code::Busy)));
        assert!(queues.share(&memory, SMALL_BYTES, SOON).await.is_err(), "the first has it still");
        drop(first);
        assert!(queues.share(&memory, SMALL_BYTES, SOON).await.is_ok());
    }
}
