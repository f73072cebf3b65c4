//! The hostile host: it answers what the enclave asks, carries its bytes to KMS, and relays for clients. Each of the
//! three may be done otherwise than an honest host would.

mod asked;
mod edge;
mod tunnel;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strongroom_link::{Endpoint, LinkError, Listener, PeerRule};
use strongroom_proto::frame::Kind;
use tokio::task::JoinHandle;

use crate::Tape;

/// What the host knows and does.
pub(crate) struct Plot {
    pub(crate) tape: Arc<Tape>,
    pub(crate) store: PathBuf,
    pub(crate) credentials: PathBuf,
    /// What the enclave handed over to be kept: kind and body.
    pub(crate) kept: Mutex<Vec<(Kind, Vec<u8>)>>,
    pub(crate) enclave: Endpoint,
    pub(crate) kms: SocketAddr,
    pub(crate) misdeeds: Mutex<Misdeeds>,
}

type Told = Box<dyn FnMut(Kind, &[u8], Option<Vec<u8>>) -> Option<Vec<u8>> + Send>;
type Relayed = Box<dyn FnMut(&mut Relay) + Send>;
type Carried = Box<dyn FnMut(bool, &mut Vec<u8>) + Send>;

/// A message on its way between a client and the enclave.
pub struct Relay {
    /// Whether it goes to the enclave, or comes from it.
    pub inbound: bool,
    /// [`Kind::Hello`] or [`Kind::Message`], in both directions.
    pub kind: Kind,
    /// HTTP status of an answer; 0 on the way in.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// On the way in: whether the enclave gets it at all. Where not, the client gets `body` as it stands.
    pub passed_on: bool,
    /// How long the host holds it back.
    pub held: Duration,
}

/// What the host does otherwise. By default it does everything as it should.
#[derive(Default)]
pub struct Misdeeds {
    told: Option<Told>,
    relayed: Option<Relayed>,
    carried: Option<Carried>,
    /// Where bytes for KMS go in place of KMS.
    pub elsewhere: Option<SocketAddr>,
}

impl Misdeeds {
    /// What the enclave is told when it asks, in place of the honest answer.
    #[must_use]
    pub fn told(
        mut self,
        told: impl FnMut(Kind, &[u8], Option<Vec<u8>>) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        self.told = Some(Box::new(told));
        self
    }

    /// What becomes of clients' messages and of the answers to them.
    #[must_use]
    pub fn relayed(mut self, relayed: impl FnMut(&mut Relay) + Send + 'static) -> Self {
        self.relayed = Some(Box::new(relayed));
        self
    }

    /// What becomes of bytes to KMS (`true`) and from it.
    #[must_use]
    pub fn carried(mut self, carried: impl FnMut(bool, &mut Vec<u8>) + Send + 'static) -> Self {
        self.carried = Some(Box::new(carried));
        self
    }
}

/// A running hostile host; ends when dropped.
pub struct Host {
    pub(crate) plot: Arc<Plot>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Host {
    pub(crate) async fn start(plot: Plot, services: &Endpoint, tunnel: &Endpoint) -> Result<Self, LinkError> {
        let plot = Arc::new(plot);
        let services = Listener::bind(services, PeerRule::AnyLocal)?;
        let tunnel = Listener::bind(tunnel, PeerRule::AnyLocal)?;
        let edge = edge::Edge::bind(Arc::clone(&plot)).await?;
        let address = edge.address();
        let tasks = vec![
            tokio::spawn(asked::serve(services, Arc::clone(&plot))),
            tokio::spawn(tunnel::serve(tunnel, Arc::clone(&plot))),
            tokio::spawn(edge.serve()),
        ];
        Ok(Self { plot, address, tasks })
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this.
    pub fn turns_to(&self, misdeeds: Misdeeds) {
        *self.plot.misdeeds.lock().unwrap_or_else(PoisonError::into_inner) = misdeeds;
    }

    /// What the enclave handed over of this kind, in order.
    #[must_use]
    pub fn kept(&self, kind: Kind) -> Vec<Vec<u8>> {
        let kept = self.plot.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|(of, _)| *of == kind).map(|(_, body)| body.clone()).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
