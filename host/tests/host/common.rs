//! A host under test, a pretended enclave and a small HTTP client.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use strongroom_host::config::Timing;
use strongroom_host::credentials::Source;
use strongroom_host::store::Place;
use strongroom_host::{Config, Host, HostError};
use strongroom_link::{Answer, Endpoint, Handler, Listener, PeerRule, Stream, serve};
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Status;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Tells the pretended enclave what to do with a message by its first byte.
pub(crate) const ECHO: u8 = b'e';
/// The second byte is the code to answer with.
pub(crate) const ANSWER_CODE: u8 = b'c';
/// Answers after a second, or as many as the second byte says.
pub(crate) const SLEEP: u8 = b's';

pub(crate) struct FakeEnclave {
    pub(crate) serving: AtomicBool,
    /// Too busy to tell its status.
    pub(crate) busy: AtomicBool,
    /// Messages that have come.
    pub(crate) messages: AtomicUsize,
    pub(crate) releases: Mutex<Vec<Bytes>>,
    pub(crate) release_code: Mutex<Code>,
}

impl FakeEnclave {
    fn reply(code: Code, payload: Bytes) -> Answer {
        Answer { kind: Kind::Reply, parts: vec![vec![code.byte()].into(), payload] }
    }

    async fn message(body: Bytes) -> Answer {
        match body.first() {
            Some(&ANSWER_CODE) => Self::reply(Code::from_byte(body[1]).unwrap(), "inner words".into()),
            Some(&SLEEP) => {
                let seconds = body.get(1).copied().unwrap_or(1);
                tokio::time::sleep(Duration::from_secs(seconds.into())).await;
                Self::reply(Code::Ok, "slept".into())
            }
            _ => Self::reply(Code::Ok, body),
        }
    }
}

impl Handler for FakeEnclave {
    fn takes(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Hello | Kind::Message | Kind::Release | Kind::Status)
    }

    async fn handle(&self, kind: Kind, body: Bytes, _: usize) -> Option<Answer> {
        Some(match kind {
            Kind::Hello => Self::reply(Code::Ok, [b"evidence for ", body.as_ref()].concat().into()),
            Kind::Release => {
                self.releases.lock().unwrap().push(body);
                Self::reply(*self.release_code.lock().unwrap(), Bytes::new())
            }
            Kind::Status if self.busy.load(Ordering::Relaxed) => std::future::pending().await,
            Kind::Status => {
                let serving = self.serving.load(Ordering::Relaxed);
                let (panics, refusal) = (2, String::new());
                let status = Status { serving, epoch: 7, sessions: 3, answered: 9, panics, refusal };
                Self::reply(Code::Ok, status.encode().unwrap().into())
            }
            _ => {
                self.messages.fetch_add(1, Ordering::Relaxed);
                Self::message(body).await
            }
        })
    }
}

/// A running enclave; dropping it closes its socket and every connection.
pub(crate) struct RunningEnclave {
    pub(crate) fake: Arc<FakeEnclave>,
    task: JoinHandle<()>,
}

impl Drop for RunningEnclave {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct Setup {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: Config,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("store/packages")).unwrap();
        let config = Config {
            cors_origins: Vec::new(),
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            metrics: "127.0.0.1:0".parse().unwrap(),
            enclave: Endpoint::Unix(path("enclave.sock")),
            services: Endpoint::Unix(path("services.sock")),
            tunnel: Endpoint::Unix(path("tunnel.sock")),
            kms: "127.0.0.1:9".parse().unwrap(),
            store: Place::Directory(path("store")),
            credentials: Source::File(path("credentials.json")),
            keeping: None,
            supervision: None,
            max_requests: 8,
            max_connections: 64,
            address_limit: None,
            timing: Timing::default(),
            ready_file: None,
        };
        Self { folder, config }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start_enclave(&self) -> RunningEnclave {
        start_enclave(&self.config.enclave)
    }

    pub(crate) async fn start_host(&self) -> RunningHost {
        let host = Host::bind(self.config.clone()).await.unwrap();
        let (edge, metrics) = (host.edge_address(), host.metrics_address());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(host.serve(async move {
            let _ = stopped.await;
        }));
        RunningHost { edge, metrics, stop: Some(stop), task }
    }

    /// A host that is ready, and its enclave.
    pub(crate) async fn start(&self) -> (RunningHost, RunningEnclave) {
        let enclave = self.start_enclave();
        let host = self.start_host().await;
        host.until_ready(true).await;
        (host, enclave)
    }
}

pub(crate) fn start_enclave(endpoint: &Endpoint) -> RunningEnclave {
    let fake = Arc::new(FakeEnclave {
        serving: AtomicBool::new(true),
        busy: AtomicBool::new(false),
        messages: AtomicUsize::new(0),
        releases: Mutex::default(),
        release_code: Mutex::new(Code::Ok),
    });
    let listener = Listener::bind(endpoint, PeerRule::AnyLocal).unwrap();
    let handler = Arc::clone(&fake);
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (reader, writer) = stream.into_split();
            connections.spawn(serve(reader, writer, Arc::clone(&handler), 64));
        }
    });
    RunningEnclave { fake, task }
}

pub(crate) struct RunningHost {
    pub(crate) edge: SocketAddr,
    pub(crate) metrics: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), HostError>>,
}

impl RunningHost {
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(self) -> Result<(), HostError> {
        self.ended_within(SOON).await
    }

    pub(crate) async fn ended_within(self, limit: Duration) -> Result<(), HostError> {
        tokio::time::timeout(limit, self.task).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        get(self.edge, path).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        post(self.edge, path, body).await
    }

    pub(crate) async fn until_ready(&self, ready: bool) {
        let expected = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        until(async || self.get("/readyz").await.status == expected).await;
    }

    /// The value of a metric, or nothing when it is not shown.
    pub(crate) async fn metric(&self, name: &str) -> Option<u64> {
        let text = String::from_utf8(get(self.metrics, "/metrics").await.body.to_vec()).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("strongroom_host_{name} ")))?;
        line.rsplit_once(' ').unwrap().1.parse().ok()
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and body of a refusal in clear.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), std::str::from_utf8(&self.body).unwrap())
    }
}

pub(crate) async fn get(to: SocketAddr, path: &str) -> Reply {
    send(to, Request::get(path).header("host", "test").body(Full::default()).unwrap()).await
}

pub(crate) async fn post(to: SocketAddr, path: &str, body: impl Into<Bytes>) -> Reply {
    send(to, Request::post(path).header("host", "test").body(Full::new(body.into())).unwrap()).await
}

pub(crate) async fn send(to: SocketAddr, request: Request<Full<Bytes>>) -> Reply {
    send_over(TcpStream::connect(to).await.unwrap(), request).await
}

/// Sends a request over a connection of its own that comes from this address.
pub(crate) async fn send_from(from: IpAddr, to: SocketAddr, request: Request<Full<Bytes>>) -> Reply {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    send_over(socket.connect(to).await.unwrap(), request).await
}

async fn send_over(stream: TcpStream, request: Request<Full<Bytes>>) -> Reply {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    read(sender.send_request(request).await.unwrap()).await
}

pub(crate) type H2 = http2::SendRequest<Full<Bytes>>;

/// HTTP/2 with prior knowledge.
pub(crate) async fn h2(to: SocketAddr) -> H2 {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) async fn h2_post(sender: &mut H2, path: &str, body: impl Into<Bytes>) -> Reply {
    let uri = format!("http://test{path}");
    let request = Request::post(uri).body(Full::new(body.into())).unwrap();
    read(sender.send_request(request).await.unwrap()).await
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Reply {
    let (parts, body) = response.into_parts();
    Reply { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

/// Waits until something is so.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("did not come about");
}

/// The enclave's connection to one of the host's listeners.
pub(crate) async fn dial(endpoint: &Endpoint) -> Stream {
    endpoint.connect(SOON).await.unwrap()
}

pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}
