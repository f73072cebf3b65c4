//! A whole connection between host and enclave, from either side.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, iter};

use bytes::Bytes;
use strongroom_link::{Answer, Handler, LinkError, Mux, serve};
use strongroom_proto::frame::{HEADER_BYTES, Header, Kind};
use tokio::io::AsyncWrite;
use tokio::runtime::{Builder, Runtime};

/// Everything is at hand, so that nothing ever waits this long.
const LIMIT: Duration = Duration::from_secs(5);

/// Requests of one connection at once, as few as make some wait.
const CONCURRENCY: usize = 2;

thread_local! {
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// Serves `bytes` as everything that a peer ever sends, and takes them as the replies to a request.
///
/// Each request is answered once, by a well-formed frame with its id, and nothing else is; the connection ends with a reason.
/// Only a reply that the request allows is taken as one. Nothing waits for what never comes.
pub fn link(bytes: &[u8]) -> bool {
    let run = |runtime: &Runtime| runtime.block_on(async { served(bytes).await | asked(bytes).await });
    let read = RUNTIME.with(|runtime| runtime.as_ref().map(run));
    assert!(read.is_some(), "a runtime of one thread");
    read.unwrap_or_default()
}

/// Answers what an enclave answers with what was sent, and keeps the lengths.
#[derive(Default)]
struct Counting {
    bodies: Mutex<Vec<usize>>,
    /// A panic in a task would end that task alone, so that what is wrong is kept here.
    broken: AtomicBool,
}

impl Handler for Counting {
    fn takes(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Hello | Kind::Message | Kind::Release | Kind::Status)
    }

    async fn handle(&self, kind: Kind, body: Bytes, beside: usize) -> Option<Answer> {
        let bounded = body.len() <= kind.max_body_bytes() && beside < CONCURRENCY;
        self.broken.fetch_or(!bounded, Ordering::Relaxed);
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).push(body.len());
        Some(Answer { kind: Kind::Reply, parts: vec![Bytes::from_static(&[0]), body] })
    }
}

async fn served(bytes: &[u8]) -> bool {
    let (counting, written) = (Arc::new(Counting::default()), Written::default());
    let ended = serve(bytes, written.clone(), Arc::clone(&counting), CONCURRENCY).await;
    assert_ne!(ended, LinkError::ReadTimeout, "it waited for what never comes");
    // What was begun is still answered.
    for _ in 0..2 * CONCURRENCY {
        tokio::task::yield_now().await;
    }
    assert!(!counting.broken.load(Ordering::Relaxed), "a body over its bound, or more at once than allowed");
    let mut bodies = counting.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut answered = written.bodies();
    bodies.sort_unstable();
    answered.sort_unstable();
    assert_eq!(answered, bodies, "each request is answered once");
    !answered.is_empty()
}

async fn asked(bytes: &[u8]) -> bool {
    let replies = io::Cursor::new(bytes.to_vec());
    let mux = Mux::over(replies, Written::default());
    let reply = mux.call(Kind::Message, Bytes::from_static(b"request"), LIMIT).await;
    assert!(reply.as_ref().is_ok_and(|reply| reply.kind == Kind::Reply) || reply == Err(LinkError::Lost));
    if let Ok(reply) = &reply {
        let stood = bytes.windows(reply.body.len().max(1)).any(|window| window == reply.body);
        assert!(stood || reply.body.is_empty(), "a body that nobody sent");
    }
    reply.is_ok()
}

/// What was written to a connection.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Lengths of the bodies of the replies, without their code.
    fn bodies(&self) -> Vec<usize> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = written.as_slice();
        let next = || {
            let (head, behind) = rest.split_first_chunk::<HEADER_BYTES>()?;
            let header = Header::parse(*head).ok().filter(|header| header.kind() == Kind::Reply)?;
            rest = behind.get(header.body_bytes()..)?;
            Some(header.body_bytes() - 1)
        };
        let bodies = iter::from_fn(next).collect();
        assert!(rest.is_empty(), "a reply is no frame");
        bodies
    }
}

impl AsyncWrite for Written {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
