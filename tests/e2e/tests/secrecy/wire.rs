//! Wires that keep a copy of every byte in either direction, and can hold some back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

type Stream = Arc<Mutex<Vec<u8>>>;

/// What has passed, one entry for each direction of each connection.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<Stream>>>);

impl Record {
    fn stream(&self) -> Stream {
        let stream = Stream::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&stream));
        stream
    }
}

/// Holds back what answers a connection beyond its first bytes, until it is opened.
#[derive(Clone)]
pub(super) struct Valve {
    beyond: usize,
    reached: Arc<watch::Sender<bool>>,
    is_open: Arc<watch::Sender<bool>>,
}

impl Valve {
    pub(super) fn closed_beyond(bytes: usize) -> Self {
        Self { beyond: bytes, reached: Arc::default(), is_open: Arc::default() }
    }

    /// Waits until something is held back.
    pub(super) async fn reached(&self) {
        self.reached.subscribe().wait_for(|reached| *reached).await.unwrap();
    }

    pub(super) fn open(&self) {
        self.is_open.send_replace(true);
    }

    async fn pass(&self, passed: usize) {
        if passed > self.beyond {
            self.reached.send_replace(true);
            self.is_open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        }
    }
}

/// A set of recorded wires, which end when it is dropped.
#[derive(Default)]
pub(super) struct Recorder {
    record: Record,
    wires: Mutex<Vec<JoinHandle<()>>>,
}

impl Recorder {
    /// Passes connections made to the socket `listen` on to the socket `to`.
    pub(super) fn pass(&self, listen: PathBuf, to: PathBuf) {
        self.pass_through(listen, to, Valve::closed_beyond(usize::MAX));
    }

    /// The same, with a valve in what comes back.
    pub(super) fn pass_through(&self, listen: PathBuf, to: PathBuf, valve: Valve) {
        let listener = UnixListener::bind(&listen).unwrap();
        let wire = tokio::spawn(accept(listener, to, self.record.clone(), valve));
        self.wires.lock().unwrap().push(wire);
    }

    /// A copy of what has passed so far.
    pub(super) fn streams(&self) -> Vec<Vec<u8>> {
        let streams = self.record.0.lock().unwrap();
        streams.iter().map(|stream| stream.lock().unwrap().clone()).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(JoinHandle::abort);
    }
}

async fn accept(listener: UnixListener, to: PathBuf, record: Record, valve: Valve) {
    while let Ok((near, _)) = listener.accept().await {
        let (to, record, valve) = (to.clone(), record.clone(), valve.clone());
        tokio::spawn(async move {
            let Ok(far) = UnixStream::connect(&to).await else { return };
            let ((near_reader, near_writer), (far_reader, far_writer)) =
                (near.into_split(), far.into_split());
            let there = copy(near_reader, far_writer, record.stream(), None);
            let back = copy(far_reader, near_writer, record.stream(), Some(valve));
            tokio::join!(there, back);
        });
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    stream: Stream,
    valve: Option<Valve>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let passed = {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            stream.extend_from_slice(&buffer[..read]);
            stream.len()
        };
        if let Some(valve) = &valve {
            valve.pass(passed).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    // The far side learns of the end; whether it still listens does not matter.
    let _ = to.shutdown().await;
}
