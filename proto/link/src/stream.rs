//! A connected byte stream and its two halves.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixStream, unix};
use tokio_vsock::VsockStream;

/// A connection between host and enclave.
#[derive(Debug)]
pub enum Stream {
    /// Over vsock.
    Vsock(VsockStream),
    /// Over a unix socket.
    Unix(UnixStream),
}

/// The half of a [`Stream`] that is read.
#[derive(Debug)]
pub enum ReadHalf {
    /// Over vsock.
    Vsock(tokio_vsock::OwnedReadHalf),
    /// Over a unix socket.
    Unix(unix::OwnedReadHalf),
}

/// The half of a [`Stream`] that is written.
#[derive(Debug)]
pub enum WriteHalf {
    /// Over vsock.
    Vsock(tokio_vsock::OwnedWriteHalf),
    /// Over a unix socket.
    Unix(unix::OwnedWriteHalf),
}

impl Stream {
    /// Splits the stream into halves that different tasks can own.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Vsock(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Vsock(read), WriteHalf::Vsock(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
        }
    }
}

macro_rules! forward_read {
    ($($type:ty),*) => {$(
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Vsock(inner) => Pin::new(inner).poll_read(cx, buffer),
                    Self::Unix(inner) => Pin::new(inner).poll_read(cx, buffer),
                }
            }
        }
    )*};
}

macro_rules! forward_write {
    ($($type:ty),*) => {$(
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::Vsock(inner) => Pin::new(inner).poll_write(cx, bytes),
                    Self::Unix(inner) => Pin::new(inner).poll_write(cx, bytes),
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Vsock(inner) => Pin::new(inner).poll_flush(cx),
                    Self::Unix(inner) => Pin::new(inner).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Vsock(inner) => Pin::new(inner).poll_shutdown(cx),
                    Self::Unix(inner) => Pin::new(inner).poll_shutdown(cx),
                }
            }
        }
    )*};
}

forward_read!(Stream, ReadHalf);
forward_write!(Stream, WriteHalf);
