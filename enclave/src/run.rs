//! From a platform to a serving enclave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use strongroom_link::{LinkError, Listener, serve};
use tokio::sync::Semaphore;

use crate::Platform;
use crate::boot::{BootError, Measured};
use crate::event::Event;
use crate::hello::Hellos;
use crate::host::{Host, HostError};
use crate::keys::{KeyError, Keys};
use crate::limits::{MAX_CONNECTIONS, MAX_REQUESTS_PER_CONNECTION};
use crate::load::Loader;
use crate::pauses::Pauses;
use crate::room::Room;
use crate::service::{Connection, Service};

/// Why an enclave stopped. It never stops for a reason that a client controls.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The host did not hand over the boot documents.
    #[error("{0}")]
    Host(#[from] HostError),
    /// Boot failed.
    #[error("{0}")]
    Boot(#[from] BootError),
    /// The KMS client could not be made.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// The threads that run models could not be started.
    #[error("no threads")]
    Threads,
    /// The service endpoint could not be bound.
    #[error("service endpoint: {0}")]
    Link(#[from] LinkError),
}

/// Interval at which offers that nobody opens are dropped.
const SWEEP: Duration = Duration::from_secs(5);

/// Boots and serves. Returns only when that is impossible.
///
/// # Errors
/// See [`RunError`].
pub async fn run(platform: Platform) -> Result<(), RunError> {
    let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
    let host = Host::new(platform.host.clone());
    let documents = host.boot_documents().await?;
    let measured = Measured::boot(platform.nsm.as_ref(), &documents.charter, random.as_ref())?;
    let measured = Arc::new(measured);
    host.log(Event::Measured(measured.charter().digest())).await;
    host.log(Event::Clock(platform.clock_source)).await;
    let keys = Keys::new(&platform, Arc::clone(&measured), host.clone())?;
    let loader = Loader { measured, host: host.clone(), keys, room: Room::of_machine() };
    let (hellos, queue) = Hellos::queue();
    let nsm = Arc::clone(&platform.nsm);
    let service = Service::new(loader, nsm, random, hellos, documents.state);
    let service = Arc::new(service.map_err(|_| RunError::Threads)?);
    let listener = Listener::bind(&platform.service, platform.parent)?;
    tokio::spawn(queue.serve(Arc::clone(&service)));
    tokio::spawn(sweep(Arc::clone(&service)));
    tokio::spawn(Arc::clone(&service.continuity).keep(Arc::clone(&service), host.clone()));
    tokio::spawn(Arc::clone(&service).report(host.clone()));
    tokio::spawn(first_release(Arc::clone(&service), host, documents.release));
    accept(&listener, &service).await
}

/// Loads the release that came with the charter, and asks again until one is served.
async fn first_release(service: Arc<Service>, host: Host, mut release: Vec<u8>) {
    let mut pauses = Pauses::default();
    loop {
        let taken = async { Ok(service.take_over(&release).await) };
        // One that panics is asked for again like any other that fails.
        let _ = service.contained(taken).await;
        if service.serving().is_some() {
            return;
        }
        tokio::time::sleep(pauses.longer()).await;
        if let Ok(documents) = host.boot_documents().await {
            release = documents.release;
        }
    }
}

async fn sweep(service: Arc<Service>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        service.offers.sweep(Instant::now());
        service.sessions.sweep(Instant::now());
    }
}

async fn accept(listener: &Listener, service: &Arc<Service>) -> Result<(), RunError> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let (stream, _) = listener.accept().await?;
        let connection = Arc::new(Connection(Arc::clone(service)));
        tokio::spawn(async move {
            let (reader, writer) = stream.into_split();
            // Why a connection ended concerns the host alone.
            let _ = serve(reader, writer, connection, MAX_REQUESTS_PER_CONNECTION).await;
            drop(place);
        });
    }
}
