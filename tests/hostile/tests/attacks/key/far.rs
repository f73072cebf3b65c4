//! The far end of the tunnel, in the hands of the host: TLS or none, any certificate, any answer. What it sees and says
//! in clear is on the tape.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use strongroom_hostile::{Misdeeds, SceneOptions, Tape, Taped};
use strongroom_sim::kms::SimKms;
use strongroom_sim::pki::{ServerIdentity, TlsCa};
use strongroom_sim::world::Ground;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

pub(super) const KMS_HOST: &str = "kms.eu-central-1.amazonaws.com";

/// Where it will listen, before there is anything to answer with.
pub(super) struct Far {
    listener: TcpListener,
    tape: Arc<Tape>,
}

/// What it speaks.
pub(super) enum Wire {
    Tls(ServerIdentity, &'static SupportedProtocolVersion),
    Plain,
}

/// What it does with a request; nothing is sent for [`None`], and the connection stays open.
pub(super) type Answers = Arc<dyn Fn(&SimKms, &[u8]) -> Option<Vec<u8>> + Send + Sync>;

impl Far {
    /// A far end, and a scene whose tunnel leads there.
    pub(super) async fn scene() -> (Self, SceneOptions) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = elsewhere(listener.local_addr().unwrap());
        (Self { listener, tape: Arc::clone(&options.tape) }, options)
    }

    /// Serves until the test ends.
    pub(super) fn serve(self, ground: &Ground, wire: Wire, answers: Answers) {
        let kms = Arc::clone(&ground.kms);
        let acceptor = match wire {
            Wire::Tls(identity, version) => Some(TlsAcceptor::from(config(identity, version))),
            Wire::Plain => None,
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let (kms, acceptor, answers) = (Arc::clone(&kms), acceptor.clone(), Arc::clone(&answers));
                let tape = Arc::clone(&self.tape);
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                exchange(Taped::new(stream, tape), &kms, &answers).await;
                            }
                        }
                        None => exchange(Taped::new(stream, tape), &kms, &answers).await,
                    }
                });
            }
        });
    }

    /// Serves as KMS itself would, with a true certificate: a KMS in the wrong hands.
    pub(super) fn serve_truly(self, ground: &Ground, answers: Answers) {
        let identity = authority(ground).issue_server(KMS_HOST, strongroom_e2e::now()).unwrap();
        self.serve(ground, Wire::Tls(identity, &TLS13), answers);
    }
}

pub(super) fn elsewhere(address: SocketAddr) -> SceneOptions {
    let mut misdeeds = Misdeeds::default();
    misdeeds.elsewhere = Some(address);
    super::misdeeds(misdeeds)
}

/// The authority that the enclave's image pins.
pub(super) fn authority(ground: &Ground) -> TlsCa {
    TlsCa::load(&ground.layout.tls()).unwrap()
}

/// Answers what KMS answers.
pub(super) fn honestly() -> Answers {
    Arc::new(|kms, request| Some(ask(kms, request)))
}

/// What KMS answers to a request, as it goes over the wire.
pub(super) fn ask(kms: &SimKms, request: &[u8]) -> Vec<u8> {
    // Whoever begins with TLS where there is none is told so.
    let Some((head, body)) = split(request) else { return response(400, b"{}") };
    let head = String::from_utf8_lossy(head);
    let mut parsed = Request::post("/");
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        parsed = parsed.header(name, value);
    }
    let answer = kms.answer(&parsed.body(()).unwrap().into_parts().0, body);
    response(answer.status, &answer.body)
}

pub(super) fn response(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} KMS\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Head and body of a message.
pub(super) fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&message[..at], &message[at + 4..]))
}

/// The body of a message.
pub(super) fn json(message: &[u8]) -> Value {
    split(message).and_then(|(_, body)| serde_json::from_slice(body).ok()).unwrap_or_default()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}

fn config(identity: ServerIdentity, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from(identity.certificate_der)];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key_pkcs8));
    let versions = if version.version == TLS12.version { [&TLS12] } else { [&TLS13] };
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, kms: &SimKms, answers: &Answers) {
    let Some(request) = whole(&mut stream).await else { return };
    match answers(kms, &request) {
        Some(answer) => {
            // Whoever does not want it has closed.
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
        None => std::future::pending().await,
    }
}

/// A whole request.
async fn whole(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let got @ 1.. = stream.read(&mut buffer).await.ok()? else { return None };
        request.extend_from_slice(&buffer[..got]);
        if !request.starts_with(b"POST ") {
            return Some(request);
        }
        let Some((head, body)) = split(&request) else { continue };
        let head = String::from_utf8_lossy(head).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length?.trim().parse().ok()? {
            return Some(request);
        }
    }
}
