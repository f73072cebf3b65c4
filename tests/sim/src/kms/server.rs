//! The network side: HTTPS on a listener that the caller opened.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};

use super::date::to_http;
use super::limits::{CONNECTION_TIME, MAX_CONNECTIONS, MAX_REQUEST_BYTES};
use super::service::SimKms;

/// The certificate that the server shows; a real KMS has one for `kms.REGION.amazonaws.com`.
pub struct TlsIdentity {
    /// The server's certificate, then its issuers (DER).
    pub chain: Vec<Vec<u8>>,
    /// Its private key (PKCS#8 DER).
    pub key: Vec<u8>,
}

/// Serves until the future is dropped, which also ends every connection.
///
/// # Errors
/// When the identity is not usable or the listener fails.
pub async fn serve(kms: Arc<SimKms>, listener: TcpListener, identity: TlsIdentity) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(identity)?));
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, _) = listener.accept().await?;
        let (kms, acceptor) = (Arc::clone(&kms), acceptor.clone());
        connections.spawn(async move {
            let served = tokio::time::timeout(CONNECTION_TIME, connection(kms, acceptor, stream)).await;
            tracing::debug!(?served, "kms connection ended");
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

fn tls(identity: TlsIdentity) -> io::Result<ServerConfig> {
    let chain = identity.chain.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key));
    // Stricter than KMS: nobody gets in without the hybrid exchange.
    let provider = CryptoProvider { kx_groups: vec![X25519MLKEM768], ..aws_lc_rs::default_provider() };
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)
}

async fn connection(kms: Arc<SimKms>, acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    let stream = acceptor.accept(stream).await?;
    // Nor does anybody who has to be asked for its key share.
    if stream.get_ref().1.handshake_kind() != Some(HandshakeKind::Full) {
        return Err(io::Error::other("no key share of the hybrid exchange"));
    }
    let service = service_fn(move |request| {
        let kms = Arc::clone(&kms);
        async move { Ok::<_, Infallible>(respond(&kms, request).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new());
    server.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn respond(kms: &SimKms, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_REQUEST_BYTES).collect().await else {
        return with_status(StatusCode::PAYLOAD_TOO_LARGE, Vec::new());
    };
    let answer = kms.answer(&head, &body.to_bytes());
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_status(status, answer.body);
    // The SDK measures its own clock against this header, so it must come from the simulator's clock.
    if let Ok(date) = to_http(kms.unix_seconds()).parse() {
        response.headers_mut().insert(http::header::DATE, date);
    }
    response
}

fn with_status(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
