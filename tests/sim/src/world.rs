//! A whole Strongroom on one machine: simulated KMS, a real owner's commands, an enclave and a host as
//! processes of their own.
//!
//! Owner and operator act through the shipped binaries, which lie beside this one. Only the KMS, the
//! NSM and the PKI are pretended, all under roots made anew for each directory.

mod bundled;
mod ground;
mod layout;
mod owner;
mod parts;
mod process;
mod sockets;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use bundled::{bundled_folder, bundled_model};
pub use ground::{ACCOUNT, Documents, Ground, REGION};
pub(crate) use ground::{dial, region};
pub use layout::Layout;
pub use owner::{ModelSource, Owner, ReleasePlan, measurements};
pub use parts::{EnclaveOptions, EnclaveProcess, HostOptions, HostProcess};
pub use process::{Binaries, Output, wait_for};
pub use sockets::Sockets;

/// Why a simulation could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file or socket.
    #[error("{what}: {error}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The simulated PKI.
    #[error("simulated pki: {0}")]
    Pki(#[from] crate::pki::PkiError),
    /// The simulated KMS refused the owner.
    #[error("simulated kms: {0}")]
    Kms(#[from] strongroom_kms::KmsError),
    /// A shipped command failed.
    #[error("{command} exited with {code}: {stderr}")]
    Command {
        /// Which command.
        command: String,
        /// Its exit code, −1 when it was killed.
        code: i32,
        /// What it wrote to stderr.
        stderr: String,
    },
    /// A process ended or did not become ready.
    #[error("{0}")]
    NotReady(String),
}

impl WorldError {
    /// Names what was attempted when the system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

/// What to bring up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// State directory; may exist and hold other files.
    pub directory: PathBuf,
    /// Where the host listens.
    pub listen: SocketAddr,
    /// Models to seal.
    pub models: Vec<ModelSource>,
    /// The owner's policy in place of the open one.
    pub policy: Option<PathBuf>,
    /// What a document takes the simulated NSM.
    pub nsm_delay: Duration,
    /// Origins whose pages may ask the host.
    pub cors_origins: Vec<String>,
}

/// A running simulation. Dropping it ends its processes.
pub struct World {
    /// PKI and KMS.
    pub ground: Ground,
    /// The owner's files and commands.
    pub owner: Owner,
    /// The enclave.
    pub enclave: EnclaveProcess,
    /// The host.
    pub host: HostProcess,
    /// The sockets between them.
    pub sockets: Sockets,
}

/// Time for host and enclave to become ready.
pub const READY: Duration = Duration::from_secs(60);

impl World {
    /// Brings a simulation up and waits until it serves.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn up(plan: Plan) -> Result<Self, WorldError> {
        let binaries = Binaries::beside_this_one()?;
        let ground = Ground::prepare(&plan.directory).await?;
        let owner = Owner::establish(&ground, &binaries).await?;
        let release = ReleasePlan { policy: plan.policy, ..ReleasePlan::first(plan.models) };
        owner.release(&release).await?;
        let sockets = Sockets::fresh()?;
        let enclave = EnclaveOptions { nsm_delay: plan.nsm_delay, ..EnclaveOptions::default() };
        let enclave = EnclaveProcess::start(&binaries, &ground, &sockets, &enclave)?;
        let arguments = plan.cors_origins.iter().map(|origin| format!("--cors-origin={origin}")).collect();
        let host = HostOptions { listen: plan.listen, arguments, ..HostOptions::default() };
        let host = HostProcess::start(&binaries, &ground, &sockets, &host).await?;
        host.wait_until_serving(READY).await?;
        Ok(Self { ground, owner, enclave, host, sockets })
    }

    /// Ends host and enclave in that order, and the KMS with the world.
    pub async fn down(mut self) {
        self.host.stop().await;
        self.enclave.stop().await;
    }
}
