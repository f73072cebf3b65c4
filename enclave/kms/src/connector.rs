//! The SDK's HTTP connector over a dialled stream: one fresh TLS connection per request.
//!
//! It speaks to exactly one host, whatever URI the SDK asks for: another authority, or a scheme other than
//! https, is an error, never a connection.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::dial::{BoxStream, Dial};
use crate::limits::{ATTEMPT_TIME, MAX_ANSWER_BYTES};

/// Why a request got no answer. Travels inside the SDK's own error and is looked up again by [`Failed::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    #[error("request does not fit the connector")]
    Request,
    #[error("stream cannot be opened or broke")]
    Stream,
    #[error("tls handshake failed")]
    Tls,
    #[error("answer is longer than the bound")]
    TooLong,
    #[error("answer did not come in time")]
    Time,
}

impl Failed {
    /// The cause that this connector put into the SDK's error.
    pub(crate) fn find(error: &ConnectorError) -> Option<Self> {
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(e) = next {
            if let Some(found) = e.downcast_ref::<Self>() {
                return Some(*found);
            }
            next = e.source();
        }
        None
    }

    /// Only what another attempt can cure is reported as transient: a failed TLS handshake is not.
    fn into_sdk(self) -> ConnectorError {
        match self {
            Self::Stream => ConnectorError::io(self.into()),
            Self::Time => ConnectorError::timeout(self.into()),
            Self::Request => ConnectorError::user(self.into()),
            Self::Tls | Self::TooLong => ConnectorError::other(self.into(), None),
        }
    }
}

/// Sends the SDK's requests to one KMS host.
#[derive(Clone)]
pub(crate) struct Connector {
    dial: Arc<dyn Dial>,
    tls: Arc<ClientConfig>,
    host: Arc<str>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.host)
    }
}

impl Connector {
    pub(crate) fn new(dial: Arc<dyn Dial>, tls: Arc<ClientConfig>, host: &str) -> Self {
        Self { dial, tls, host: host.into() }
    }

    pub(crate) fn into_http_client(self) -> SharedHttpClient {
        http_client_fn(move |_settings, _components| SharedHttpConnector::new(self.clone()))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let request = self.origin_form(request)?;
        let stream = self.dial.dial().await.map_err(|_| Failed::Stream)?;
        let stream = self.handshake(stream).await?;
        let response = send(request, stream).await?;
        HttpResponse::try_from(response).map_err(|_| Failed::Stream)
    }

    /// Rewrites the SDK's absolute URI into what HTTP/1.1 sends: a Host header and a path (RFC 9112 section 3.2.1).
    fn origin_form(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, Failed> {
        let (mut parts, body) = request.try_into_http1x().map_err(|_| Failed::Request)?.into_parts();
        let is_ours = parts.uri.authority().is_some_and(|a| a.as_str() == &*self.host);
        if !is_ours || parts.uri.scheme_str() != Some("https") {
            return Err(Failed::Request);
        }
        let body = Bytes::copy_from_slice(body.bytes().ok_or(Failed::Request)?);
        parts.headers.insert(HOST, HeaderValue::from_str(&self.host).map_err(|_| Failed::Request)?);
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        parts.uri = path.parse::<Uri>().map_err(|_| Failed::Request)?;
        Ok(Request::from_parts(parts, Full::new(body)))
    }

    async fn handshake(&self, stream: BoxStream) -> Result<TlsStream<BoxStream>, Failed> {
        let name = ServerName::try_from(self.host.to_string()).map_err(|_| Failed::Request)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        // Rustls reports its own findings as `InvalidData`; anything else is the stream's trouble.
        tls.map_err(|e| match e.kind() {
            std::io::ErrorKind::InvalidData => Failed::Tls,
            _ => Failed::Stream,
        })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let exchange = tokio::time::timeout(ATTEMPT_TIME, connector.exchange(request)).await;
            exchange.unwrap_or(Err(Failed::Time)).map_err(Failed::into_sdk)
        })
    }
}

/// One request and its whole, bounded answer. The connection's driver ends with this function, however it ends:
/// a dropped [`JoinSet`] aborts what it holds.
async fn send<S>(request: Request<Full<Bytes>>, stream: S) -> Result<Response<SdkBody>, Failed>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failed::Stream)?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(|_| Failed::Stream)?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|e| if e.is::<LengthLimitError>() { Failed::TooLong } else { Failed::Stream })?;
    Ok(Response::from_parts(parts, SdkBody::from(body.to_bytes())))
}
