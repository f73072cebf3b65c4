//! The network between clients and host: a TCP relay that can be cut in the middle of an answer, and held up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::SoakError;

/// Bytes that are carried at once.
const PIECE_BYTES: usize = 8 * 1024;

/// Time for the bytes of an answer to come by that the cut waits for.
const CUT_WAIT: Duration = Duration::from_secs(1);

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Carries,
    /// Nothing gets through, and nobody is told.
    Holds,
    /// Connections are closed, old ones and new ones.
    Cut,
}

/// A running relay; ended when dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    wire: Arc<Wire>,
    task: JoinHandle<()>,
}

struct Wire {
    line: watch::Sender<Line>,
    /// Bytes of answers that still get through before the cut; negative where no cut is due.
    left: AtomicI64,
}

impl Relay {
    /// Listens on loopback and carries everything to `to`.
    pub(crate) async fn start(to: SocketAddr) -> Result<Self, SoakError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(SoakError::io("relay"))?;
        let address = listener.local_addr().map_err(SoakError::io("relay"))?;
        let wire = Arc::new(Wire { line: watch::Sender::new(Line::Carries), left: AtomicI64::new(-1) });
        let task = tokio::spawn(accept(listener, to, Arc::clone(&wire)));
        Ok(Self { address, wire, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many more bytes of answers through and then closes every connection, until [`Relay::restore`].
    pub(crate) async fn cut_after(&self, bytes: u32) {
        self.wire.left.store(bytes.into(), Ordering::SeqCst);
        let mut line = self.wire.line.subscribe();
        if tokio::time::timeout(CUT_WAIT, line.wait_for(|line| *line == Line::Cut)).await.is_err() {
            self.wire.cut();
        }
    }

    /// Holds everything up, until [`Relay::restore`].
    pub(crate) fn hold(&self) {
        self.wire.line.send_replace(Line::Holds);
    }

    /// Carries again.
    pub(crate) fn restore(&self) {
        self.wire.left.store(-1, Ordering::SeqCst);
        self.wire.line.send_replace(Line::Carries);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    fn cut(&self) {
        self.left.store(-1, Ordering::SeqCst);
        self.line.send_replace(Line::Cut);
    }

    /// How much of so many bytes of an answer still gets through, and whether it is the last of it.
    fn let_through(&self, bytes: usize) -> (usize, bool) {
        let whole = i64::try_from(bytes).unwrap_or(i64::MAX);
        let take = |left: i64| (left >= 0).then(|| (left - whole).max(-1));
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(left) if left < whole => (usize::try_from(left).unwrap_or(0), true),
            _ => (bytes, false),
        }
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, wire: Arc<Wire>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        if *wire.line.borrow() == Line::Cut {
            continue;
        }
        tokio::spawn(connection(near, to, Arc::clone(&wire)));
    }
}

async fn connection(near: TcpStream, to: SocketAddr, wire: Arc<Wire>) {
    let Ok(far) = TcpStream::connect(to).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut line = wire.line.subscribe();
    // Whichever ends first ends the connection, as a cut does.
    tokio::select! {
        _ = line.wait_for(|line| *line == Line::Cut) => {}
        () = carry(near_in, far_out, &wire, false) => {}
        () = carry(far_in, near_out, &wire, true) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: &Wire, answers: bool) {
    let (mut piece, mut line) = (vec![0; PIECE_BYTES], wire.line.subscribe());
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if line.wait_for(|line| *line != Line::Holds).await.is_err() {
            return;
        }
        let (through, last) = if answers { wire.let_through(length) } else { (length, false) };
        let written = to.write_all(piece.get(..through).unwrap_or_default()).await;
        if last {
            // What got through is on its way before everything ends.
            let _ = to.flush().await;
            wire.cut();
        }
        if written.is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with ten.
    async fn tenfold() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        stream.write_all(&[byte; 10]).await.unwrap();
                    }
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn an_answer_is_cut_in_its_middle_and_the_next_connection_works_again() {
        let relay = Relay::start(tenfold().await).await.unwrap();
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        let mut answer = [0; 10];
        stream.write_u8(7).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [7; 10]);
        let (written, ()) = tokio::join!(stream.write_u8(8), relay.cut_after(4));
        written.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, [8; 4]);
        let mut refused = TcpStream::connect(relay.address).await.unwrap();
        assert!(matches!(refused.read(&mut answer).await, Ok(0) | Err(_)));
        relay.restore();
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        stream.write_u8(9).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [9; 10]);
    }

    #[tokio::test]
    async fn what_is_held_up_arrives_later_and_whole() {
        let relay = Relay::start(tenfold().await).await.unwrap();
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        relay.hold();
        stream.write_u8(7).await.unwrap();
        let mut answer = [0; 10];
        let early = tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut answer)).await;
        assert!(early.is_err());
        relay.restore();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [7; 10]);
    }
}
