//! Room for the bodies of requests: how many bytes of them are held at once, whoever sends them.
//!
//! A request takes its whole share before its body is read, so that no two wait for what the other holds; what turns out
//! not to be needed is given back. Small requests have room of their own, and never stand behind large ones. Whoever
//! finds no room waits in line, and after a time is told to come back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::{Failure, Fault};
use crate::limits::{
    COME_BACK_AFTER, LARGE_ROOM_BYTES, ROOM_UNIT_BYTES, ROOM_WAIT, SMALL_BODY_BYTES, SMALL_ROOM_BYTES,
};

/// The room that is left.
pub(crate) struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    wait: Duration,
}

/// A request's part of it, given back when dropped.
#[derive(Default)]
pub(crate) struct Share(Option<OwnedSemaphorePermit>);

/// Shares of a call's messages, in the order in which they arrive.
#[derive(Clone, Default)]
pub(crate) struct Shares(Arc<Mutex<VecDeque<Share>>>);

/// A body that holds on to something until it is sent.
struct Holding<T> {
    body: Body,
    _held: T,
}

impl Default for Room {
    fn default() -> Self {
        Self::new(SMALL_ROOM_BYTES, LARGE_ROOM_BYTES, ROOM_WAIT)
    }
}

impl Room {
    pub(crate) fn new(small_bytes: usize, large_bytes: usize, wait: Duration) -> Self {
        let places = |bytes: usize| Arc::new(Semaphore::new(bytes / ROOM_UNIT_BYTES));
        Self { small: places(small_bytes), large: places(large_bytes), wait }
    }

    /// A share of so many bytes.
    ///
    /// # Errors
    /// [`NotReady`](Fault::NotReady), and when to come back, where none came free in time.
    pub(crate) async fn take(&self, bytes: usize) -> Result<Share, Failure> {
        let room = if bytes <= SMALL_BODY_BYTES { &self.small } else { &self.large };
        let Ok(units) = u32::try_from(units(bytes)) else { return Err(full()) };
        match tokio::time::timeout(self.wait, Arc::clone(room).acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(Share(Some(permit))),
            _ => Err(full()),
        }
    }
}

impl Share {
    /// Gives back what so many bytes do not need.
    pub(crate) fn keep(&mut self, bytes: usize) {
        if let Some(held) = &mut self.0 {
            drop(held.split(held.num_permits().saturating_sub(units(bytes))));
        }
    }
}

impl Shares {
    pub(crate) fn push(&self, share: Share) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(share);
    }

    /// Those that go with a call; none with a call that was not metered.
    pub(crate) fn of(shares: Option<&Self>) -> Self {
        shares.cloned().unwrap_or_default()
    }

    /// That of the message which arrived first.
    pub(crate) fn next(&self) -> Share {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default()
    }
}

/// Lets `held` go once the answer is sent, or nobody wants it any more.
pub(crate) fn until_sent<T: Send + Unpin + 'static>(held: T, response: Response) -> Response {
    response.map(|body| Body::new(Holding { body, _held: held }))
}

impl<T: Unpin> http_body::Body for Holding<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(ROOM_UNIT_BYTES)
}

fn full() -> Failure {
    let words = "the proxy holds as many bytes of requests as it may";
    Failure { retry_after: Some(COME_BACK_AFTER), ..Failure::new(Fault::NotReady, words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(20);
    const LARGE: usize = 4 * SMALL_BODY_BYTES;

    #[tokio::test]
    async fn what_is_held_is_bounded_and_comes_back() {
        let room = Room::new(SMALL_BODY_BYTES, LARGE, WAIT);
        let mut first = room.take(LARGE).await.unwrap();
        let refused = room.take(SMALL_BODY_BYTES + 1).await.err().unwrap();
        assert_eq!((refused.fault, refused.retry_after), (Fault::NotReady, Some(COME_BACK_AFTER)));
        first.keep(LARGE / 2);
        let second = room.take(LARGE / 2).await.unwrap();
        assert!(room.take(LARGE / 2).await.is_err());
        drop(second);
        assert!(room.take(LARGE / 2).await.is_ok());
        assert!(room.take(LARGE + ROOM_UNIT_BYTES).await.is_err(), "more than there ever is");
    }

    #[tokio::test]
    async fn small_requests_do_not_stand_behind_large_ones() {
        let room = Arc::new(Room::new(SMALL_BODY_BYTES, LARGE, Duration::from_secs(60)));
        let _all = room.take(LARGE).await.unwrap();
        let waiting = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.take(LARGE).await }
        });
        tokio::task::yield_now().await;
        let small = tokio::time::timeout(WAIT, room.take(SMALL_BODY_BYTES)).await;
        assert!(small.unwrap().is_ok());
        waiting.abort();
    }

    #[tokio::test]
    async fn a_share_is_held_until_the_answer_is_sent() {
        let room = Room::new(SMALL_BODY_BYTES, LARGE, WAIT);
        let answer = until_sent(room.take(LARGE).await.unwrap(), Response::new(Body::from("answer")));
        assert!(room.take(LARGE).await.is_err());
        assert_eq!(http_body::Body::size_hint(answer.body()).exact(), Some(6));
        drop(answer);
        assert!(room.take(LARGE).await.is_ok());
    }
}
