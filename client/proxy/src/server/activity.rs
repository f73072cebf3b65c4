//! Whether anything goes on in a connection.
//!
//! Answers leave in pieces, each once the one before it is taken, so that an answer counts as being sent until nearly all of
//! it is; what it holds on to is held as long.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::limits::PIECE_BYTES;

/// How long a connection may rest: without a request, and with one whose answer does not move.
#[derive(Clone, Copy)]
pub(super) struct Rest {
    pub(super) idle: Duration,
    pub(super) stalled: Duration,
}

/// Requests of one connection that are being answered, and when something went on last.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<(usize, Instant)>>);

/// One of them.
pub(super) struct Active(Activity);

/// An answer on its way.
struct Sending {
    body: Body,
    rest: Bytes,
    active: Active,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new((0, Instant::now()))))
    }

    pub(super) fn begin(&self) -> Active {
        self.change(|requests| requests + 1);
        Active(self.clone())
    }

    /// Once nothing went on for too long.
    pub(super) async fn ended(&self, rest: Rest) {
        loop {
            let (requests, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let until = since + if requests == 0 { rest.idle } else { rest.stalled };
            if until <= Instant::now() {
                return;
            }
            // It may have become shorter meanwhile, where a request ended.
            sleep_until(until.min(Instant::now() + rest.idle)).await;
        }
    }

    fn change(&self, requests: impl FnOnce(usize) -> usize) {
        let mut activity = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *activity = (requests(activity.0), Instant::now());
    }
}

impl Active {
    /// Is active until the answer is sent.
    pub(super) fn send(self, response: Response) -> Response {
        response.map(|body| Body::new(Sending { body, rest: Bytes::new(), active: self }))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.change(|requests| requests.saturating_sub(1));
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        self.active.0.change(|requests| requests);
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        match body.exact() {
            Some(exact) => hint.set_exact(exact + rest),
            None => hint.set_lower(body.lower() + rest),
        }
        hint
    }
}
