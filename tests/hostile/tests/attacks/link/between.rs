//! A second enclave, between which and the host somebody writes frames of his own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strongroom_hostile::{Scene, Taped};
use strongroom_link::Mux;
use strongroom_proto::frame::{HEADER_BYTES, Kind};
use strongroom_proto::relay::Status;
use strongroom_sim::world::{EnclaveOptions, EnclaveProcess, Sockets, wait_for};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Longer than an enclave takes to serve that has lost its host once.
const SERVES: Duration = Duration::from_secs(8);

/// What is written in place of the host's answer.
pub(super) struct Lie {
    pub(super) bytes: Vec<u8>,
    /// Whether the connection ends behind it.
    pub(super) is_end: bool,
}

/// Decides on an answer by the kind of the question, its id, and the frame of the honest answer.
type Liar = dyn FnMut(u8, u32, Vec<u8>) -> Lie + Send;

pub(super) struct Between {
    sockets: Sockets,
    _enclave: EnclaveProcess,
    task: JoinHandle<()>,
}

impl Between {
    pub(super) fn start(scene: &Scene, lie: impl FnMut(u8, u32, Vec<u8>) -> Lie + Send + 'static) -> Self {
        let sockets = Sockets::fresh().unwrap();
        let kms = sockets.path().join("kms");
        std::os::unix::fs::symlink(scene.sockets.path().join("kms"), kms).unwrap();
        let listener = UnixListener::bind(sockets.path().join("host")).unwrap();
        let honest = scene.sockets.path().join("host");
        let tape = Arc::clone(scene.tape());
        let lie: Arc<Mutex<Liar>> = Arc::new(Mutex::new(lie));
        let task = tokio::spawn(async move {
            while let Ok((enclave, _)) = listener.accept().await {
                let host = UnixStream::connect(&honest).await.unwrap();
                let enclave = Taped::new(enclave, Arc::clone(&tape));
                tokio::spawn(carry(enclave, host, Arc::clone(&lie)));
            }
        });
        let options = EnclaveOptions::default();
        let enclave = EnclaveProcess::start(&scene.binaries, &scene.ground, &sockets, &options).unwrap();
        Self { sockets, _enclave: enclave, task }
    }

    /// Whether it serves in the end.
    pub(super) async fn serves(&self) -> bool {
        let serving = async || self.status().await.is_some_and(|status| status.serving);
        wait_for(SERVES, serving).await
    }

    async fn status(&self) -> Option<Status> {
        let limit = Duration::from_secs(1);
        let stream = self.sockets.endpoint("enclave").connect(limit).await.ok()?;
        let reply = Mux::new(stream).call(Kind::Status, bytes::Bytes::new(), limit).await.ok()?;
        Status::decode(&reply.into_coded().ok()?.1).ok()
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(enclave: Taped<UnixStream>, host: UnixStream, lie: Arc<Mutex<Liar>>) {
    let asked = Mutex::new(HashMap::new());
    let ((mut from_enclave, mut to_enclave), (mut from_host, mut to_host)) =
        (tokio::io::split(enclave), host.into_split());
    // Whichever ends first ends both.
    tokio::select! {
        () = questions(&mut from_enclave, &mut to_host, &asked) => {}
        () = answers(&mut from_host, &mut to_enclave, &asked, &lie) => {}
    }
}

async fn questions(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    asked: &Mutex<HashMap<u32, u8>>,
) {
    while let Some((kind, id, frame)) = next(from).await {
        asked.lock().unwrap().insert(id, kind);
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn answers(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    asked: &Mutex<HashMap<u32, u8>>,
    lie: &Mutex<Liar>,
) {
    while let Some((_, id, frame)) = next(from).await {
        let kind = asked.lock().unwrap().get(&id).copied().unwrap_or_default();
        let Lie { bytes, is_end } = (lie.lock().unwrap())(kind, id, frame);
        if to.write_all(&bytes).await.is_err() || is_end {
            return;
        }
    }
}

/// The next frame whole: its kind, its id and its bytes.
async fn next(from: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u32, Vec<u8>)> {
    let mut header = [0; HEADER_BYTES];
    from.read_exact(&mut header).await.ok()?;
    let [a, b, c, d, kind, e, f, g, h] = header;
    let mut frame = header.to_vec();
    frame.resize(HEADER_BYTES + u32::from_be_bytes([a, b, c, d]) as usize, 0);
    from.read_exact(&mut frame[HEADER_BYTES..]).await.ok()?;
    Some((kind, u32::from_be_bytes([e, f, g, h]), frame))
}
