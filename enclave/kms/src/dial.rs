//! The seam between this crate and whatever opens connections.

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// A boxed future without borrowed parts.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Any [`Stream`].
pub type BoxStream = Box<dyn Stream>;

/// Opens a fresh byte stream towards KMS. Where it really leads is not trusted: TLS decides.
pub trait Dial: Send + Sync + 'static {
    /// Opens one stream. Called once per attempt; the caller bounds its time.
    ///
    /// # Errors
    /// Whatever the transport reports; it is only ever shown as "unreachable".
    fn dial(&self) -> BoxFuture<io::Result<BoxStream>>;
}

impl<F> Dial for F
where
    F: Fn() -> BoxFuture<io::Result<BoxStream>> + Send + Sync + 'static,
{
    fn dial(&self) -> BoxFuture<io::Result<BoxStream>> {
        self()
    }
}
