//! An answer on its way to the client, which holds its memory until it has been handed over.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use strongroom_proto::Code;

use super::gate::{Gate, Share};
use crate::http_server::{Taking, Untaken};
use crate::limits::ANSWER_PIECE_BYTES;

/// The body of an answer. A client that does not read keeps its share and nobody else's, and not for ever: its
/// connection watches what is untaken.
pub(crate) struct Answer {
    left: Bytes,
    taking: Arc<Taking>,
}

/// What is held until the last piece was written: pieces that wait for room on a connection are in memory, too.
struct Held {
    bytes: Bytes,
    _share: Share,
    _taking: Arc<Taking>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer {
    /// Takes memory for an answer. Without it the answer is lost and the client told to come again.
    pub(crate) fn new(bytes: Bytes, gate: &Gate, untaken: &Untaken) -> Result<Self, Code> {
        let taking = Arc::new(untaken.begin(bytes.len()).ok_or(Code::Busy)?);
        let mut share = gate.share();
        if !share.grow_to(bytes.len()) {
            return Err(Code::Busy);
        }
        let held = Held { bytes, _share: share, _taking: Arc::clone(&taking) };
        Ok(Self { left: Bytes::from_owner(held), taking })
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        self.taking.goes_on();
        let piece = self.left.len().min(ANSWER_PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use axum::{Extension, Router};
    use http::{Request, StatusCode};
    use http_body_util::{BodyExt, Empty};
    use hyper::client::conn::http2;
    use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::config::Timing;
    use crate::http_server::HttpServer;
    use crate::metrics::Metrics;

    #[tokio::test]
    async fn an_answer_leaves_in_pieces_and_holds_its_memory_until_the_last_is_written() {
        let length = 2 * ANSWER_PIECE_BYTES + 1;
        let gate = Gate::new(1, length + 2048);
        let new = || Answer::new(vec![7; length].into(), &gate, &Untaken::default());
        let mut answer = new().unwrap();
        assert_eq!(answer.size_hint().exact(), Some(length as u64));
        let mut pieces = Vec::new();
        while !answer.is_end_stream() {
            assert_eq!(new().err(), Some(Code::Busy));
            pieces.push(answer.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        drop(answer);
        let lengths: Vec<_> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [ANSWER_PIECE_BYTES, ANSWER_PIECE_BYTES, 1]);
        while let Some(piece) = pieces.pop() {
            assert_eq!(new().err(), Some(Code::Busy), "a piece waits to be written");
            drop(piece);
        }
        assert!(new().is_ok());
    }

    /// HTTP/2 lets it keep its connection alive meanwhile, by pings.
    #[tokio::test]
    async fn a_client_that_takes_nothing_loses_its_connection_and_the_answer_its_memory() {
        let length = 2 * ANSWER_PIECE_BYTES;
        let gate = Arc::new(Gate::new(1, length));
        let served = Arc::clone(&gate);
        let answer = move |Extension(untaken): Extension<Untaken>| {
            let answer = Answer::new(vec![7; length].into(), &served, &untaken);
            ready(answer.map(axum::body::Body::new).map_err(|_| StatusCode::TOO_MANY_REQUESTS))
        };
        let (answer_stall, grace) = (Duration::from_millis(500), Duration::from_millis(200));
        let server = HttpServer {
            what: "test",
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: None,
            max_connections: 1,
            timing: Timing { answer_stall, grace, ..Timing::default() },
        };
        let (address, metrics) = (server.address().unwrap(), Arc::new(Metrics::default()));
        let (_stop, stopped) = oneshot::channel();
        tokio::spawn(server.run(Router::new().fallback(answer), Arc::clone(&metrics), stopped));

        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let mut client = http2::Builder::new(TokioExecutor::new());
        client.timer(TokioTimer::new()).initial_stream_window_size(1000);
        client.keep_alive_interval(Duration::from_millis(50)).keep_alive_while_idle(true);
        let (mut sender, connection) = client.handshake::<_, Empty<Bytes>>(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let untaken = sender.send_request(Request::new(Empty::new())).await.unwrap();
        assert_eq!(untaken.status(), StatusCode::OK);
        assert!(!gate.share().grow_to(length), "the answer is held");
        let _ = timeout(Duration::from_secs(10), connection).await.expect("the connection stays");
        assert!(untaken.into_body().collect().await.is_err(), "it was not taken whole");
        let is_back = async {
            while !gate.share().grow_to(length) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(10), is_back).await.expect("the memory is kept");
        assert_eq!(metrics.untaken_connections.load(Ordering::Relaxed), 1);
    }
}
