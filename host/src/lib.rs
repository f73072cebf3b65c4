//! The host: an untrusted relay between clients and a Strongroom enclave.
//!
//! It moves sealed bytes, answers what the enclave asks for and counts what it sees. It has no type
//! for a plaintext and no key; all it can do to a request is to lose, delay, repeat or change it,
//! and the other two notice.

mod accept;
pub mod config;
pub mod credentials;
pub mod destination;
pub mod doctor;
mod edge;
mod error;
mod http_server;
pub mod keep;
pub mod limits;
pub mod logging;
mod metrics;
mod relay;
mod services;
pub mod shutdown;
pub mod store;
pub mod supervise;
mod time;
mod trouble;
mod tunnel;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_link::{Endpoint, Listener, PeerRule};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use config::Config;
pub use error::HostError;

use edge::{Addresses, Edge, Gate};
use http_server::HttpServer;
use keep::{HandOver, KeepError, Keeper, Keeping};
use limits::{
    ENCLAVE_CONNECTIONS, ENCLAVE_SILENCE, HAND_OVER_GRACE, MAX_BUFFERED_BYTES, MAX_METRICS_CONNECTIONS,
};
use metrics::Metrics;
use relay::Relay;
use services::Services;
use store::Store;
use supervise::Supervised;

/// A host whose listeners are bound and that serves nobody yet.
pub struct Host {
    config: Config,
    edge: HttpServer,
    metrics: HttpServer,
    store: Store,
    keeper: Option<Keeper>,
    counts: Arc<Metrics>,
    services: Listener,
    tunnel: Listener,
    edge_address: SocketAddr,
    metrics_address: SocketAddr,
}

/// Binds and serves until `shutdown`, then drains.
///
/// # Errors
/// Any [`HostError`].
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), HostError> {
    Host::bind(config).await?.serve(shutdown).await
}

/// Looks at what can be wrong with a configuration before anything is bound.
///
/// # Errors
/// [`HostError::Tls`], [`HostError::Store`] or [`HostError::Keep`].
pub fn check(config: &Config) -> Result<(), HostError> {
    acceptor(config)?;
    open_store(config)?;
    config.keeping.iter().try_for_each(|keeping| {
        keep::examine(&keeping.directory).map(drop).map_err(|error| cannot_keep(keeping, error))
    })
}

impl Host {
    /// Binds every listener and says where clients may connect.
    ///
    /// # Errors
    /// [`HostError::Listen`], [`HostError::Link`], [`HostError::Tls`], [`HostError::Store`],
    /// [`HostError::Keep`] or [`HostError::ReadyFile`].
    pub async fn bind(config: Config) -> Result<Self, HostError> {
        let (tls, store, timing) = (acceptor(&config)?, open_store(&config)?, config.timing);
        let counts = Arc::new(Metrics::default());
        let keeper = open_keeper(&config, &counts)?;
        let edge = HttpServer {
            what: "clients",
            listener: listen(config.listen, "clients").await?,
            tls,
            max_connections: config.max_connections,
            timing,
        };
        let metrics = HttpServer {
            what: "metrics",
            listener: listen(config.metrics, "metrics").await?,
            tls: None,
            max_connections: MAX_METRICS_CONNECTIONS,
            timing,
        };
        let rule = config.peer_rule();
        let services = link(&config.services, rule, "services")?;
        let tunnel = link(&config.tunnel, rule, "tunnel")?;
        let (edge_address, metrics_address) = (edge.address()?, metrics.address()?);
        tracing::info!(address = %edge_address, metrics = %metrics_address, tls = edge.tls.is_some(), "listening");
        if let Some(path) = &config.ready_file {
            write_ready_file(path, edge_address)?;
        }
        Ok(Self {
            config,
            edge,
            metrics,
            store,
            keeper,
            counts,
            services,
            tunnel,
            edge_address,
            metrics_address,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn edge_address(&self) -> SocketAddr {
        self.edge_address
    }

    /// Where monitoring connects.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }

    /// Serves until `shutdown`; then says that it is not ready, stops listening, finishes what is in
    /// flight, keeps what the enclave still hands over, ends the enclave if it started it, and returns.
    ///
    /// # Errors
    /// [`HostError::PartEnded`].
    pub async fn serve(mut self, shutdown: impl Future<Output = ()>) -> Result<(), HostError> {
        let silence = self.config.supervision.as_ref().map_or(ENCLAVE_SILENCE, |plan| plan.pace.silence);
        let (timing, metrics, relay) =
            (self.config.timing, Arc::clone(&self.counts), Arc::new(Relay::new(silence)));
        let edge = shared(&self.config, &relay, &metrics);
        let (stop, stopped) = oneshot::channel();
        // Dropped at the end of monitoring, which ends with the last part.
        let (_monitored, monitoring) = oneshot::channel();
        let (routes, own) = (edge::router(Arc::clone(&edge)), edge::metrics_router(Arc::clone(&edge)));
        let mut clients = tokio::spawn(self.edge.run(routes, Arc::clone(&metrics), stopped));
        let hand_over = self.keeper.as_ref().map(Keeper::hand_over);
        let supervised = Supervised::begin(self.config.supervision.take(), &relay, &metrics);
        let mut parts =
            background(self.config, (self.store, self.keeper), self.services, self.tunnel, &relay, &metrics);
        if let Some(addresses) = &edge.addresses {
            parts.spawn(edge::keep_swept(Arc::clone(addresses)));
        }
        let unmeasured = Arc::new(Metrics::default());
        parts.spawn(async move {
            self.metrics.run(own, unmeasured, monitoring).await;
        });
        let drained = tokio::select! {
            () = shutdown => {
                tracing::info!("draining");
                edge.draining.store(true, Ordering::Relaxed);
                tokio::time::sleep(timing.drain_delay).await;
                let _ = stop.send(());
                clients.await.map_err(|_| HostError::PartEnded)
            }
            _ = parts.join_next() => Err(HostError::PartEnded),
            _ = &mut clients => Err(HostError::PartEnded),
        };
        if let (Some(hand_over), Ok(())) = (hand_over, &drained) {
            finish(&hand_over, &relay).await;
        }
        supervised.end().await;
        drained
    }
}

/// Waits for what the enclave still hands over after its last answer. All that it takes for that runs meanwhile.
async fn finish(hand_over: &HandOver, relay: &Relay) {
    let quiet = async {
        tokio::select! {
            () = hand_over.until_quiet() => {}
            () = relay.until_gone() => {}
        }
    };
    if timeout(HAND_OVER_GRACE, quiet).await.is_err() {
        tracing::warn!("the enclave still hands over; what comes now is not kept");
    }
}

/// What the routes share.
fn shared(config: &Config, relay: &Arc<Relay>, metrics: &Arc<Metrics>) -> Arc<Edge> {
    Arc::new(Edge {
        relay: Arc::clone(relay),
        metrics: Arc::clone(metrics),
        addresses: config.address_limit.map(|limit| Arc::new(Addresses::new(limit))),
        gate: Gate::new(config.max_requests, MAX_BUFFERED_BYTES),
        origins: config.cors_origins.as_slice().into(),
        timing: config.timing,
        draining: AtomicBool::new(false),
    })
}

/// Starts everything that runs beside the edge. None of it ever ends by itself.
fn background(
    config: Config,
    (store, keeper): (Store, Option<Keeper>),
    services: Listener,
    tunnel: Listener,
    relay: &Arc<Relay>,
    metrics: &Arc<Metrics>,
) -> JoinSet<()> {
    let mut parts = JoinSet::new();
    let store = Arc::new(store);
    for slot in 0..ENCLAVE_CONNECTIONS {
        parts.spawn(relay::keep_connected(Arc::clone(relay), slot, config.enclave.clone()));
    }
    parts.spawn(relay::keep_status(Arc::clone(relay)));
    parts.spawn(store::watch::run(Arc::clone(&store), Arc::clone(relay)));
    let (credentials, metrics) = (config.credentials, Arc::clone(metrics));
    let answers = Services {
        store,
        keeper,
        credentials,
        metrics: Arc::clone(&metrics),
        troubles: services::Troubles::default(),
        memory: services::memory(),
        relay: Arc::clone(relay),
    };
    parts.spawn(services::run(services, Arc::new(answers)));
    parts.spawn(tunnel::run(tunnel, config.kms, config.timing.tunnel_idle, metrics));
    parts
}

fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, HostError> {
    config.tls.as_ref().map(|files| http_server::tls::acceptor(&files.cert, &files.key)).transpose()
}

fn open_store(config: &Config) -> Result<Store, HostError> {
    Store::open(&config.store, &config.credentials).map_err(HostError::Store)
}

fn open_keeper(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<Keeper>, HostError> {
    let open =
        |keeping| Keeper::open(keeping, Arc::clone(metrics)).map_err(|error| cannot_keep(keeping, error));
    config.keeping.as_ref().map(open).transpose()
}

fn cannot_keep(keeping: &Keeping, error: KeepError) -> HostError {
    HostError::Keep { path: keeping.directory.clone(), error }
}

async fn listen(address: SocketAddr, what: &'static str) -> Result<TcpListener, HostError> {
    TcpListener::bind(address).await.map_err(|error| HostError::Listen { what, kind: error.kind() })
}

fn link(endpoint: &Endpoint, rule: PeerRule, what: &'static str) -> Result<Listener, HostError> {
    Listener::bind(endpoint, rule).map_err(|error| HostError::Link { what, error })
}

/// Writes beside the file and renames, so that whoever waits for it never reads half an address.
fn write_ready_file(path: &Path, address: SocketAddr) -> Result<(), HostError> {
    let partial = path.with_added_extension("partial");
    let written =
        std::fs::write(&partial, format!("{address}\n")).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| HostError::ReadyFile { path: path.to_owned(), kind: error.kind() })
}
