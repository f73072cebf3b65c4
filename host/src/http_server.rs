//! Serves a router over TCP, with or without TLS, as HTTP/1.1 or HTTP/2.
//!
//! TLS proves nothing about the enclave: it hides sizes and times from the network between client
//! and host, no more.

mod idle;
pub(crate) mod tls;
mod unread;
mod untaken;

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config::Timing;
use crate::error::HostError;
use crate::limits::{
    ACCEPT_PAUSE, CONNECTION_WINDOW_BYTES, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, MAX_HEADER_BYTES, MAX_HEADERS,
    MAX_READ_AHEAD_BYTES, MAX_STREAMS, STREAM_WINDOW_BYTES,
};
use crate::metrics::{Held, Metrics, bump};
use crate::trouble::Trouble;
use idle::Idle;
use unread::Unread;
pub(crate) use untaken::{Taking, Untaken};

/// The address that a request's connection comes from, among the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A bound TCP listener and how its connections are served.
pub(crate) struct HttpServer {
    /// Whose connections it takes, as the log calls them.
    pub(crate) what: &'static str,
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) max_connections: usize,
    pub(crate) timing: Timing,
}

impl HttpServer {
    /// The bound address.
    pub(crate) fn address(&self) -> Result<SocketAddr, HostError> {
        self.listener.local_addr().map_err(|error| HostError::Listen { what: self.what, kind: error.kind() })
    }

    /// Serves until `stop`, then waits a grace period at most for what is in flight.
    pub(crate) async fn run(self, router: Router, metrics: Arc<Metrics>, stop: oneshot::Receiver<()>) {
        let (stopping, mut tasks) = (watch::Sender::new(()), JoinSet::new());
        let slots = Arc::new(Semaphore::new(self.max_connections));
        let connection = Arc::new(Connection { router, metrics, tls: self.tls.clone(), timing: self.timing });
        tokio::select! {
            () = self.accept_all(&slots, &connection, &stopping, &mut tasks) => {}
            // A stop that was dropped is a stop.
            _ = stop => {}
        }
        drop(self.listener);
        stopping.send_replace(());
        // Each connection listens for it until its end.
        if timeout(self.timing.grace, stopping.closed()).await.is_err() {
            tracing::warn!("requests were cut off at the end of the grace period");
        }
    }

    /// Never returns.
    async fn accept_all(
        &self,
        slots: &Arc<Semaphore>,
        connection: &Arc<Connection>,
        stopping: &watch::Sender<()>,
        tasks: &mut JoinSet<()>,
    ) {
        let trouble = Trouble::default();
        loop {
            let accepted = self.listener.accept().await;
            trouble.tell_accept(self.what, &accepted);
            let Ok((tcp, peer)) = accepted else {
                bump(&connection.metrics.accept_failures);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            while tasks.try_join_next().is_some() {}
            match Arc::clone(slots).try_acquire_owned() {
                Ok(slot) => {
                    let (peer, stopping) = (Peer(peer.ip()), stopping.subscribe());
                    tasks.spawn(Arc::clone(connection).serve(tcp, peer, slot, stopping));
                }
                Err(_) => bump(&connection.metrics.refused_connections),
            }
        }
    }
}

struct Connection {
    router: Router,
    metrics: Arc<Metrics>,
    tls: Option<TlsAcceptor>,
    timing: Timing,
}

impl Connection {
    async fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        peer: Peer,
        slot: OwnedSemaphorePermit,
        stopping: watch::Receiver<()>,
    ) {
        let _held = Held::new(&self.metrics.connections);
        // Answers are written whole, so that waiting for more to send only delays them.
        let _ = tcp.set_nodelay(true);
        let stream = Idle::new(tcp, self.timing.idle);
        match &self.tls {
            None => self.speak_http(stream, peer, stopping).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                    self.speak_http(stream, peer, stopping).await;
                }
            }
        }
        drop(slot);
    }

    async fn speak_http<S>(&self, stream: S, peer: Peer, mut stopping: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let http = http_builder();
        let router = TowerToHyperService::new(self.router.clone());
        let untaken = Untaken::default();
        let of_connection = untaken.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(of_connection.clone());
            router.call(wanted(request))
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = untaken.late(self.timing) => {
                bump(&self.metrics.untaken_connections);
                // Others may share the connection, so that what else is in flight has time.
                connection.as_mut().graceful_shutdown();
                timeout(self.timing.grace, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection of a client ended");
        }
    }
}

/// A request whose body is read to its end, whoever drops it. Over HTTP/1.1 a connection has no other request meanwhile, and
/// is closed.
fn wanted(request: Request<Incoming>) -> Request<Body> {
    let keeps = request.version() == Version::HTTP_2;
    request.map(|body| if keeps { Body::new(Unread::new(body)) } else { Body::new(body) })
}

fn http_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_READ_AHEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    builder
}
