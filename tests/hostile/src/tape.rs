//! Everything that passed through the host's hands.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::secret::Secret;

/// Messages and streams as they came by. Secrets are looked for in them afterwards.
#[derive(Default)]
pub struct Tape(Mutex<Vec<Vec<u8>>>);

/// One direction of one connection on the tape: however it is cut into reads and writes, it is looked through as a whole.
#[derive(Clone, Copy)]
pub(crate) struct Track(usize);

impl Tape {
    /// Records a message. Nothing is found across two of them.
    pub fn record(&self, bytes: &[u8]) {
        self.tracks().push(bytes.to_vec());
    }

    pub(crate) fn track(&self) -> Track {
        let mut tracks = self.tracks();
        tracks.push(Vec::new());
        Track(tracks.len() - 1)
    }

    pub(crate) fn append(&self, Track(number): Track, bytes: &[u8]) {
        if let Some(track) = self.tracks().get_mut(number) {
            track.extend_from_slice(bytes);
        }
    }

    /// The first of these that is on the tape.
    pub(crate) fn holds(&self, secrets: &[Secret]) -> Option<&'static str> {
        let tracks = self.tracks();
        let found = |secret: &&Secret| {
            let finder = memchr::memmem::Finder::new(&secret.bytes);
            tracks.iter().any(|track| finder.find(track).is_some())
        };
        secrets.iter().find(found).map(|secret| secret.name)
    }

    fn tracks(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of the host's own, of which the tape gets every byte in both directions.
pub struct Taped<S> {
    stream: S,
    tape: Arc<Tape>,
    read: Track,
    written: Track,
}

impl<S> Taped<S> {
    /// Records what passes through `stream` from now on.
    #[must_use]
    pub fn new(stream: S, tape: Arc<Tape>) -> Self {
        let (read, written) = (tape.track(), tape.track());
        Self { stream, tape, read, written }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taped<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = to.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, to))?;
        this.tape.append(this.read, to.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taped<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, from))?;
        this.tape.append(this.written, from.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that breaks off fails")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn holds(tape: &Tape, bytes: &[u8]) -> Option<&'static str> {
        tape.holds(&[Secret { name: "it", bytes: bytes.to_vec() }])
    }

    #[test]
    fn what_passed_is_found_and_nothing_across_two_messages() {
        let tape = Tape::default();
        tape.record(b"one secret");
        tape.record(b"two");
        assert_eq!(holds(&tape, b"secret"), Some("it"));
        assert_eq!(holds(&tape, b"secrettwo"), None);
    }

    #[tokio::test]
    async fn both_directions_of_a_connection_are_found_however_they_are_cut() {
        let tape = Arc::new(Tape::default());
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Taped::new(near, Arc::clone(&tape));
        for piece in [b"wri", b"tte"] {
            near.write_all(piece).await.unwrap();
        }
        far.write_all(b"answered").await.unwrap();
        let mut two = [0; 2];
        for _ in 0..4 {
            near.read_exact(&mut two).await.unwrap();
        }
        assert_eq!((holds(&tape, b"writte"), holds(&tape, b"answered")), (Some("it"), Some("it")));
        assert_eq!(holds(&tape, b"writtean"), None);
    }
}
