//! Carries the enclave's KMS bytes to one destination.
//!
//! TLS ends inside the enclave, so that these are ciphertext. The destination is configured; the
//! enclave cannot name another, and neither can what it sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strongroom_link::{Listener, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::accept::accept_all;
use crate::destination::Destination;
use crate::limits::{MAX_TUNNEL_CONNECTIONS, TUNNEL_BUFFER_BYTES, TUNNEL_CONNECT_TIMEOUT};
use crate::metrics::Metrics;

/// Serves the tunnel. Never returns.
pub(crate) async fn run(listener: Listener, to: Destination, idle: Duration, metrics: Arc<Metrics>) {
    let to = Arc::new(to);
    accept_all(listener, MAX_TUNNEL_CONNECTIONS, "tunnel", |stream| {
        carry(stream, Arc::clone(&to), idle, Arc::clone(&metrics))
    })
    .await;
}

async fn carry(stream: Stream, to: Arc<Destination>, idle: Duration, metrics: Arc<Metrics>) {
    let Ok(Ok(far)) = timeout(TUNNEL_CONNECT_TIMEOUT, to.connect()).await else {
        tracing::warn!(destination = %to, "cannot reach the tunnel's destination");
        return;
    };
    let (near_read, near_write) = stream.into_split();
    let (far_read, far_write) = far.into_split();
    let activity = Notify::new();
    let both = async {
        tokio::join!(
            copy(near_read, far_write, &activity, &metrics.tunnel_out_bytes),
            copy(far_read, near_write, &activity, &metrics.tunnel_in_bytes),
        )
    };
    tokio::select! {
        _ = both => {}
        () = quiet(&activity, idle) => tracing::debug!("idle tunnel connection closed"),
    }
}

/// Copies one direction to its end, then tells the other side that there is no more.
async fn copy<R, W>(mut from: R, mut to: W, activity: &Notify, bytes: &AtomicU64) -> std::io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; TUNNEL_BUFFER_BYTES];
    loop {
        let got = from.read(&mut buffer).await?;
        let Some(piece @ [_, ..]) = buffer.get(..got) else { break };
        activity.notify_one();
        to.write_all(piece).await?;
        bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
    to.shutdown().await
}

/// Returns when nothing has happened for `idle`.
async fn quiet(activity: &Notify, idle: Duration) {
    while timeout(idle, activity.notified()).await.is_ok() {}
}
