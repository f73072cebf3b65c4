//! The enclave and the host as processes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use strongroom_link::Endpoint;
use tokio::process::{Child, Command};

use super::{Binaries, Ground, Sockets, WorldError, wait_for};

/// Name of the enclave's service socket.
pub(super) const SERVICE: &str = "enclave";
const SERVICES: &str = "host";
const TUNNEL: &str = "kms";

/// Time for a process to end when asked.
const STOP: Duration = Duration::from_secs(20);

/// How the simulated enclave differs from the ordinary one.
#[derive(Clone, Debug, Default)]
pub struct EnclaveOptions {
    /// Another executable than the one beside this.
    pub executable: Option<PathBuf>,
    /// Debug mode: PCR0 to PCR2 are zero.
    pub debug: bool,
    /// What a document takes.
    pub nsm_delay: Duration,
    /// A file with the milliseconds by which the NSM's clock is ahead.
    pub nsm_ahead_ms: Option<PathBuf>,
    /// A PKI other than the simulation's.
    pub pki: Option<PathBuf>,
    /// Where it listens, if not at the ordinary socket.
    pub service: Option<Endpoint>,
    /// Cores that it may use, as `taskset` lists them.
    pub cores: Option<String>,
}

/// A running simulated enclave; killed when dropped.
pub struct EnclaveProcess(Child);

impl EnclaveProcess {
    /// Starts an enclave.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub fn start(
        binaries: &Binaries,
        ground: &Ground,
        sockets: &Sockets,
        options: &EnclaveOptions,
    ) -> Result<Self, WorldError> {
        let executable =
            options.executable.clone().unwrap_or_else(|| binaries.path("strongroom-sim-enclave"));
        let service = options.service.clone().unwrap_or_else(|| sockets.endpoint(SERVICE));
        let mut command = match &options.cores {
            None => Command::new(executable),
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(cores).arg(executable);
                command
            }
        };
        command
            .arg("--pki")
            .arg(options.pki.clone().unwrap_or_else(|| ground.layout.pki()))
            .arg("--kms-roots")
            .arg(ground.layout.kms_roots())
            .arg(format!("--service={service}"))
            .arg(format!("--host={}", sockets.endpoint(SERVICES)))
            .arg(format!("--kms-tunnel={}", sockets.endpoint(TUNNEL)))
            .arg(format!("--nsm-delay-ms={}", options.nsm_delay.as_millis()));
        if let Some(file) = &options.nsm_ahead_ms {
            command.arg("--nsm-ahead-ms").arg(file);
        }
        if options.debug {
            command.arg("--debug");
        }
        // An enclave has no environment and nothing to read from.
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command.spawn().map(Self).map_err(WorldError::io("simulated enclave"))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.0.id()
    }

    /// Its exit code, once it has ended by itself.
    pub fn ended(&mut self) -> Option<i32> {
        self.0.try_wait().ok().flatten().and_then(|status| status.code())
    }

    /// Kills it, as a host can at any time.
    pub async fn stop(&mut self) {
        // An enclave that has ended already is what was asked for.
        let _ = self.0.kill().await;
    }
}

/// How the host differs from the ordinary one.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it finds the enclave, if not at the ordinary socket.
    pub enclave: Option<Endpoint>,
    /// Another store: a directory, or `s3://BUCKET/PREFIX`.
    pub store: Option<String>,
    /// Another place for what it keeps for the enclave.
    pub kept: Option<PathBuf>,
    /// Arguments after the ordinary ones.
    pub arguments: Vec<String>,
    /// Where its log goes, if not to the stderr of this process; behind that of earlier hosts.
    pub log: Option<PathBuf>,
    /// Its working directory, if not that of this process.
    pub directory: Option<PathBuf>,
}

impl Default for HostOptions {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen,
            enclave: None,
            store: None,
            kept: None,
            arguments: Vec::new(),
            log: None,
            directory: None,
        }
    }
}

/// A running host; killed when dropped.
pub struct HostProcess {
    child: Child,
    address: SocketAddr,
}

impl HostProcess {
    /// Starts a host and waits until it listens.
    ///
    /// # Errors
    /// [`WorldError::Io`] or [`WorldError::NotReady`].
    pub async fn start(
        binaries: &Binaries,
        ground: &Ground,
        sockets: &Sockets,
        options: &HostOptions,
    ) -> Result<Self, WorldError> {
        let ready_file = sockets.path().join("ready");
        // One of an earlier host would be taken for this one's.
        let _ = std::fs::remove_file(&ready_file);
        let enclave = options.enclave.clone().unwrap_or_else(|| sockets.endpoint(SERVICE));
        let mut command = Command::new(binaries.path("strongroom-host"));
        command
            .arg(format!("--listen={}", options.listen))
            .arg("--metrics=127.0.0.1:0")
            .arg(format!("--enclave={enclave}"))
            .arg(format!("--services={}", sockets.endpoint(SERVICES)))
            .arg(format!("--tunnel={}", sockets.endpoint(TUNNEL)))
            .arg(format!("--kms={}", ground.kms_address))
            .arg("--store")
            .arg(options.store.as_ref().map_or_else(|| ground.layout.store(), PathBuf::from))
            .arg("--state-dir")
            .arg(options.kept.clone().unwrap_or_else(|| ground.layout.kept()))
            .arg("--credentials-file")
            .arg(ground.layout.host_credentials())
            .arg("--ready-file")
            .arg(&ready_file)
            .args(&options.arguments);
        if let Some(log) = &options.log {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
            command.stderr(file.map_err(WorldError::io(log.display().to_string()))?);
        }
        if let Some(directory) = &options.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(WorldError::io("strongroom-host"))?;
        let listening =
            async || std::fs::read_to_string(&ready_file).is_ok_and(|text| !text.trim().is_empty());
        wait_for(super::READY, listening).await;
        let text = std::fs::read_to_string(&ready_file).unwrap_or_default();
        match text.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => {
                let _ = child.kill().await;
                Err(WorldError::NotReady("strongroom-host did not start to listen".into()))
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the enclave behind it serves a release.
    pub async fn is_serving(&self) -> bool {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let Ok(url) = format!("{}/readyz", self.url()).parse() else { return false };
        client.get(url).await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until the enclave behind it serves.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] when it does not within `limit`.
    pub async fn wait_until_serving(&self, limit: Duration) -> Result<(), WorldError> {
        if wait_for(limit, || self.is_serving()).await {
            return Ok(());
        }
        Err(WorldError::NotReady("the enclave does not serve".into()))
    }

    /// Kills it, as a crash would, and waits until it is gone.
    pub async fn kill(&mut self) {
        // A host that has ended already is what was asked for.
        let _ = self.child.kill().await;
    }

    /// Ends it as an operator would, and kills it when that takes too long.
    pub async fn stop(&mut self) {
        if let Some(id) = self.child.id() {
            let asked = Command::new("kill").arg("-TERM").arg(id.to_string()).status().await;
            if asked.is_ok_and(|status| status.success())
                && tokio::time::timeout(STOP, self.child.wait()).await.is_ok()
            {
                return;
            }
        }
        let _ = self.child.kill().await;
    }
}
