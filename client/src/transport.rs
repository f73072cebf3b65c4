//! HTTP/2 to one host: opaque bytes out, opaque bytes back, both bounded.
//!
//! On `http://` it speaks HTTP/2 with prior knowledge (RFC 9113 section 3.3), on `https://` over ALPN. There the
//! host needs a certificate under Mozilla's roots, which proves nothing about the enclave: whatever the host
//! presents, nothing here is trusted. A host that says that it cannot serve, or does not answer in time, is left: behind a
//! layer-4 load balancer the next connection meets another.

mod life;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use strongroom_core::{ClientError, TransportError};
use strongroom_proto::Code;
use strongroom_proto::limits::{MAX_EVIDENCE_BYTES, MAX_RECORD_BYTES};
use tokio::net::TcpStream;
use tower::ServiceExt;
use tower::util::MapResponse;

use crate::limits::{CONNECT_TIME, EXCHANGE_TIME, KEEP_ALIVE, SETUP_TIME};
use life::Watched;

/// What is asked of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Hello,
    /// A message that opens a session and asks nothing.
    Opening,
    Message,
}

impl Route {
    const fn path(self) -> &'static str {
        match self {
            Self::Hello => "/v1/hello",
            Self::Opening | Self::Message => "/v1/message",
        }
    }

    const fn max_answer_bytes(self) -> usize {
        match self {
            Self::Hello => MAX_EVIDENCE_BYTES,
            Self::Opening | Self::Message => MAX_RECORD_BYTES,
        }
    }
}

/// A failed exchange, and how long the host asked to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    pub(crate) error: TransportError,
    pub(crate) retry_after: Option<Duration>,
}

impl From<TransportError> for Failed {
    fn from(error: TransportError) -> Self {
        Self { error, retry_after: None }
    }
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connector = MapResponse<HttpsConnector<HttpConnector>, fn(Stream) -> Watched<Stream>>;
type Connections = HttpClient<Connector, Full<Bytes>>;

/// Connections to one host.
pub(crate) struct Transport {
    connector: Connector,
    connections: RwLock<Arc<Connections>>,
    /// Whether anyone ever answered: then somebody who is not there is somebody who left.
    met: AtomicBool,
    scheme: Scheme,
    authority: Authority,
    times: Times,
}

/// How long an exchange may take.
#[derive(Clone, Copy)]
struct Times {
    setup: Duration,
    exchange: Duration,
}

impl Times {
    const fn of(self, route: Route) -> Duration {
        match route {
            Route::Hello | Route::Opening => self.setup,
            Route::Message => self.exchange,
        }
    }
}

impl Transport {
    /// Prepares a transport; nothing is dialled before the first exchange.
    pub(crate) fn new(url: &str) -> Result<Self, ClientError> {
        let (scheme, authority) = split(url).ok_or(ClientError::Url)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIME));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(rustls::crypto::ring::default_provider()))
            .map_err(|_| ClientError::Local("TLS cannot be set up"))?;
        let connector = tls.https_or_http().enable_http2().wrap_connector(tcp);
        let connector: Connector = ServiceExt::<Uri>::map_response(connector, Watched::new);
        let connections = RwLock::new(Arc::new(connections(connector.clone())));
        let times = Times { setup: SETUP_TIME, exchange: EXCHANGE_TIME };
        Ok(Self { connector, connections, met: AtomicBool::new(false), scheme, authority, times })
    }

    /// Posts `body` and returns the whole answer to a status of 200.
    pub(crate) async fn post(&self, route: Route, body: Bytes) -> Result<Vec<u8>, Failed> {
        let connections = Arc::clone(&self.connections.read().unwrap_or_else(PoisonError::into_inner));
        let exchange = self.exchange(&connections, route, body);
        match tokio::time::timeout(self.times.of(route), exchange).await {
            Ok(exchanged) => exchanged,
            Err(_) => {
                // Whatever it is that answers nothing, the next exchange is not to wait for it as well.
                self.leave(&connections);
                Err(TransportError::TimedOut.into())
            }
        }
    }

    async fn exchange(
        &self,
        connections: &Arc<Connections>,
        route: Route,
        body: Bytes,
    ) -> Result<Vec<u8>, Failed> {
        let request = Request::post(self.uri(route)).body(Full::new(body));
        let mut request = request.map_err(|_| TransportError::Unreachable)?;
        let carried = capture_connection(&mut request);
        let response = tokio::select! {
            biased;
            response = connections.request(request) => response.map_err(|error| {
                let never_met = error.is_connect() && !self.met.load(Ordering::Relaxed);
                if never_met { TransportError::Unreachable } else { TransportError::Broken }
            })?,
            () = life::ended(carried) => return Err(TransportError::Broken.into()),
        };
        self.met.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        match Code::from_http_status(status) {
            Some(Code::Ok) => Ok(whole(response.into_body(), route.max_answer_bytes()).await?),
            code => {
                if code == Some(Code::Unavailable) {
                    self.leave(connections);
                }
                Err(Failed { error: TransportError::of_status(status), retry_after })
            }
        }
    }

    /// The next exchange gets a new connection; what is still under way on the old one ends there.
    fn leave(&self, left: &Arc<Connections>) {
        let mut current = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        // Of many that fail at once, the first does it for all.
        if Arc::ptr_eq(&current, left) {
            *current = Arc::new(connections(self.connector.clone()));
        }
    }

    fn uri(&self, route: Route) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static(route.path()));
        // Scheme, authority and path together always make a URI (RFC 3986 section 3).
        Uri::from_parts(parts).unwrap_or_default()
    }
}

fn connections(connector: Connector) -> Connections {
    HttpClient::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_only(true)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .build(connector)
}

/// Scheme and authority of a URL that names a host and nothing else.
fn split(url: &str) -> Option<(Scheme, Authority)> {
    let parts = url.parse::<Uri>().ok()?.into_parts();
    let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)?;
    let authority = parts.authority.filter(|authority| !authority.as_str().contains('@'))?;
    let bare = parts.path_and_query.is_none_or(|path| path.as_str() == "/");
    bare.then_some((scheme, authority))
}

/// The whole of an answer in one buffer, as large as the host announces: what does not come takes no memory,
/// because nothing is written there.
async fn whole(mut body: hyper::body::Incoming, max_bytes: usize) -> Result<Vec<u8>, TransportError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max_bytes {
        return Err(TransportError::TooLong);
    }
    let mut whole = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        // Trailers are of no interest.
        let Ok(data) = frame.map_err(|_| TransportError::Broken)?.into_data() else { continue };
        if data.len() > max_bytes - whole.len() {
            return Err(TransportError::TooLong);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}

/// Seconds of a Retry-After header (RFC 9110 section 10.2.3); its date form is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_host_and_nothing_else() {
        for good in ["http://127.0.0.1:8080", "https://example.com/", "http://[::1]:1"] {
            assert!(split(good).is_some(), "{good}");
        }
        for bad in
            ["", "127.0.0.1:80", "ftp://a", "http://a/b", "http://u:p@a", "http://a/?q", "/v1", "http://"]
        {
            assert!(split(bad).is_none(), "{bad}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let transport = Transport::new(&format!("http://{free}")).unwrap();
        let failed = transport.post(Route::Hello, Bytes::new()).await.unwrap_err();
        assert_eq!(failed.error, TransportError::Unreachable);
    }

    /// Accepts connections and says nothing on them.
    #[tokio::test]
    async fn a_host_that_does_not_answer_in_time_is_left() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut transport = Transport::new(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
        transport.times = Times { setup: Duration::from_millis(50), exchange: Duration::from_secs(60) };
        let mut held = Vec::new();
        for route in [Route::Hello, Route::Opening] {
            let failed = transport.post(route, Bytes::new()).await.unwrap_err();
            assert_eq!(failed.error, TransportError::TimedOut);
            let accepted = tokio::time::timeout(Duration::from_secs(10), silent.accept()).await;
            held.push(accepted.expect("the exchange has a connection of its own").unwrap());
        }
        let answer = transport.post(Route::Message, Bytes::new());
        assert!(tokio::time::timeout(Duration::from_millis(200), answer).await.is_err(), "a model may run");
    }

    /// One in a few thousand of these requests enters its connection in the moment in which that ends. It is hit where the
    /// request is sent by a thread that runs no tasks of its own, as the body of this test is.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_request_does_not_outlive_its_connection() {
        let closes = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let transport = Transport::new(&format!("http://{}", closes.local_addr().unwrap())).unwrap();
        let accepting = tokio::spawn(async move { while closes.accept().await.is_ok() {} });
        for _ in 0..20_000 {
            let exchange = transport.post(Route::Hello, Bytes::from_static(&[1]));
            let ended = tokio::time::timeout(SETUP_TIME / 3, exchange).await;
            assert_eq!(ended.expect("it waits for nobody").unwrap_err().error, TransportError::Broken);
        }
        accepting.abort();
    }

    #[test]
    fn only_seconds_are_honoured() {
        let headers = |text: &'static str| HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        assert_eq!(retry_after(&headers("3")), Some(Duration::from_secs(3)));
        for other in ["-1", "Fri, 31 Dec 1999 23:59:59 GMT", "99999999999"] {
            assert_eq!(retry_after(&headers(other)), None);
        }
    }
}
