//! Ends an exchange whose connection has ended.
//!
//! hyper hands a request to its connection through a channel. Where the connection ends in the very moment in which the
//! request enters it, nobody takes the request out, and nobody says so: hyper is waiting for the request's sender to go, and
//! the sender for its answer (hyperium/hyper#4122 is the same of HTTP/1). No ping notices, for there is no connection any more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, Connection};
use tokio::sync::watch;

/// Time in which an answer, or the news that there is none, comes out of what is left of a connection.
const GRACE: Duration = Duration::from_millis(100);

/// A connection that tells when it is dropped.
pub(super) struct Watched<T> {
    inner: T,
    alive: watch::Sender<()>,
}

/// What it tells.
#[derive(Clone)]
struct Life(watch::Receiver<()>);

impl<T> Watched<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, alive: watch::Sender::new(()) }
    }
}

/// Returns when the connection that carries a request has ended, and nothing has come of the request since. It may be carried
/// by another one after the first, where that had not begun with it.
pub(super) async fn ended(mut carried: CaptureConnection) {
    loop {
        let connected = carried.wait_for_connection_metadata().await.as_ref().and_then(life);
        // Every connection here is watched.
        let Some(mut life) = connected else { return std::future::pending().await };
        while life.0.changed().await.is_ok() {}
        tokio::time::sleep(GRACE).await;
        let latest = carried.connection_metadata().as_ref().and_then(self::life);
        if latest.is_none_or(|latest| latest.0.same_channel(&life.0)) {
            return;
        }
    }
}

fn life(connected: &Connected) -> Option<Life> {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove()
}

impl<T: Connection> Connection for Watched<T> {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(Life(self.alive.subscribe()))
    }
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
