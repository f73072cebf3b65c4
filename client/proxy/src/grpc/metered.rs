//! Bodies of gRPC calls: room is taken for each message before its first byte is handed on.
//!
//! A message says how long it is (the length-prefixed message of gRPC over HTTP/2), and a packed one may become as long as
//! any, as far as its length allows.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::failure::Failure;
use crate::limits::{BODY_TIME, MAX_BODY_BYTES, MAX_UNPACKED_OF_ONE, VARINT_BYTES};
use crate::room::{Shares, until_sent};
use crate::upstream::Upstream;

/// A flag and a length.
const PREFIX_BYTES: usize = 5;

/// The call of many messages, which may rest between them.
const STREAM: &str = "/ModelStreamInfer";

/// A body on its way to the service.
struct Metered {
    upstream: Arc<Upstream>,
    shares: Shares,
    body: Body,
    at: At,
    streams: bool,
    /// When what has begun has to be there.
    until: Option<Instant>,
}

/// Where in the call the next byte is.
enum At {
    /// In a prefix, of which this is there.
    Prefix(BytesMut),
    /// In a message, of which this is missing.
    Message(usize),
}

/// Meters the body of a call. The service finds the shares of its messages among the extensions; what it leaves there is
/// held until its answer is sent.
pub(super) async fn meter(State(upstream): State<Arc<Upstream>>, request: Request, next: Next) -> Response {
    let shares = Shares::default();
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(shares.clone());
    let streams = parts.uri.path().ends_with(STREAM);
    let until = (!streams).then(|| Instant::now() + BODY_TIME);
    let at = At::Prefix(BytesMut::new());
    let mut metered = Metered { upstream, shares: shares.clone(), body, at, streams, until };
    let (hand_on, handed) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(error) = metered.pass(&hand_on).await {
            // Where nobody takes it any more, the call is over.
            let _ = hand_on.send(Err(error)).await;
        }
    });
    let body = Body::from_stream(ReceiverStream::new(handed));
    until_sent(shares, next.run(Request::from_parts(parts, body)).await)
}

impl Metered {
    async fn pass(&mut self, hand_on: &mpsc::Sender<Result<Bytes, axum::Error>>) -> Result<(), axum::Error> {
        while let Some(frame) = self.frame().await? {
            // Requests have no trailers.
            let Ok(mut data) = frame.into_data() else { continue };
            while !data.is_empty() {
                if let Some(part) = self.part(&mut data).await.map_err(refused)?
                    && hand_on.send(Ok(part)).await.is_err()
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn frame(&mut self) -> Result<Option<Frame<Bytes>>, axum::Error> {
        let frame = match self.until {
            None => self.body.frame().await,
            Some(until) => timeout_at(until, self.body.frame())
                .await
                .map_err(|_| refused(Failure::request("the message did not arrive in time")))?,
        };
        frame.transpose()
    }

    /// What of `data` goes on at once: a prefix for which there is room, or bytes of one message.
    async fn part(&mut self, data: &mut Bytes) -> Result<Option<Bytes>, Failure> {
        let (missing, part) = match &mut self.at {
            At::Message(missing) => {
                let part = data.split_to((*missing).min(data.len()));
                (*missing - part.len(), part)
            }
            At::Prefix(prefix) => {
                prefix.extend_from_slice(&data.split_to((PREFIX_BYTES - prefix.len()).min(data.len())));
                let &[packed, a, b, c, d] = prefix.as_ref() else { return Ok(None) };
                let part = std::mem::take(prefix).freeze();
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                self.make_room(packed != 0, length).await?;
                (length, part)
            }
        };
        self.at = if missing == 0 { At::Prefix(BytesMut::new()) } else { At::Message(missing) };
        if self.streams {
            self.until = self.until.or_else(|| Some(Instant::now() + BODY_TIME)).filter(|_| missing > 0);
        }
        Ok(Some(part))
    }

    async fn make_room(&mut self, packed: bool, length: usize) -> Result<(), Failure> {
        // What is too long is refused by the service, as soon as it sees the prefix.
        if length > MAX_BODY_BYTES {
            return Ok(());
        }
        let weight = if packed {
            length + decoded(length.saturating_mul(MAX_UNPACKED_OF_ONE).min(MAX_BODY_BYTES))
        } else {
            decoded(length)
        };
        self.shares.push(self.upstream.room().take(weight).await?);
        Ok(())
    }
}

/// Most bytes that a message of this length and what is read out of it take.
fn decoded(length: usize) -> usize {
    length.saturating_mul(VARINT_BYTES).min(MAX_BODY_BYTES)
}

/// An error that arrives at the caller as the status that it is.
fn refused(failure: Failure) -> axum::Error {
    axum::Error::new(Status::from(failure))
}
