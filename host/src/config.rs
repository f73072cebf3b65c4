//! The configuration: what was set, checked and completed with defaults.

mod settings;

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strongroom_link::{Endpoint, PeerRule};

use crate::credentials::{Container, Source};
use crate::destination::Destination;
use crate::keep::Keeping;
use crate::limits::{
    ANSWER_STALL_TIMEOUT, ANSWER_TIMEOUT, BODY_STALL_TIMEOUT, BODY_TIMEOUT, CONNECTION_IDLE,
    DEFAULT_ADDRESS_BURST_S, DEFAULT_GRACE, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_REQUESTS,
    DEFAULT_REQUEST_DEADLINE, DEFAULT_START_TIMEOUT, MAX_CONFIG_BYTES, MAX_SETTING_S, MOST_CONNECTIONS,
    TUNNEL_IDLE,
};
use crate::store::{Location, Place, S3Place};
use crate::supervise::{Pace, Plan, Program};

pub use crate::edge::{NotAnOrigin, Origin};
pub use settings::{Cli, Command, DoctorArgs, LogFormat, LogLevel, Settings};

/// Context id that the Nitro CLI gives to the first enclave.
const DEFAULT_ENCLAVE_CID: u32 = 16;
/// Ports of the enclave's service, of the host's services and of the KMS tunnel.
const DEFAULT_PORTS: [u32; 3] = [5000, 5001, 5002];
pub(crate) const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
pub(crate) const DEFAULT_METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Everything the host needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// TLS for clients, if any.
    pub tls: Option<TlsFiles>,
    /// Where monitoring connects; a loopback address unless the settings allow any.
    pub metrics: SocketAddr,
    /// The enclave's service.
    pub enclave: Endpoint,
    /// Where the enclave reaches the host's services.
    pub services: Endpoint,
    /// Where the enclave reaches the KMS tunnel.
    pub tunnel: Endpoint,
    /// The tunnel's one destination.
    pub kms: Destination,
    /// Charter, release and packages.
    pub store: Place,
    /// Where credentials come from.
    pub credentials: Source,
    /// Where things are kept for the enclave, if anywhere.
    pub keeping: Option<Keeping>,
    /// How the enclave is started, if by this host.
    pub supervision: Option<Plan>,
    /// Messages worked on at once.
    pub max_requests: usize,
    /// Connections of clients held at once.
    pub max_connections: usize,
    /// How often one address may ask, if that is limited.
    pub address_limit: Option<AddressLimit>,
    /// Origins whose pages may read what the edge answers.
    pub cors_origins: Vec<Origin>,
    /// How long things may take.
    pub timing: Timing,
    /// Where the bound address is written once the host listens.
    pub ready_file: Option<PathBuf>,
}

/// PEM files for TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, leaf first.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// How often one address of clients may ask for evidence or send a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressLimit {
    /// Requests a second.
    pub rate: NonZeroU32,
    /// Requests at once, by an address that was quiet before.
    pub burst: NonZeroU32,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For the enclave's answer to a client's request.
    pub request: Duration,
    /// For a request's whole body.
    pub body: Duration,
    /// Between two pieces of a body.
    pub stall: Duration,
    /// For a whole answer to be taken.
    pub answer: Duration,
    /// Between two pieces of an answer.
    pub answer_stall: Duration,
    /// Without a byte on a client's connection.
    pub idle: Duration,
    /// Without a byte on a tunnel connection.
    pub tunnel_idle: Duration,
    /// Between "not ready" and the end of listening.
    pub drain_delay: Duration,
    /// For requests in flight at the end, of the host or of a connection.
    pub grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            request: DEFAULT_REQUEST_DEADLINE,
            body: BODY_TIMEOUT,
            stall: BODY_STALL_TIMEOUT,
            answer: ANSWER_TIMEOUT,
            answer_stall: ANSWER_STALL_TIMEOUT,
            idle: CONNECTION_IDLE,
            tunnel_idle: TUNNEL_IDLE,
            drain_delay: Duration::ZERO,
            grace: DEFAULT_GRACE,
        }
    }
}

/// What is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {kind}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        kind: io::ErrorKind,
    },
    /// The file is not what it should be. It is the operator's own, so that the reason may quote it.
    #[error("{}: {reason}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What the parser found.
        reason: String,
    },
    /// A setting without default is missing.
    #[error("{0} must be set")]
    Missing(&'static str),
    /// Two settings exclude or need each other.
    #[error("{0}")]
    Combination(&'static str),
    /// A directory or file that is named does not exist.
    #[error("{name}: no such file or directory: {}", shown(path))]
    NotFound {
        /// Which setting.
        name: &'static str,
        /// What it names.
        path: PathBuf,
    },
}

impl Config {
    /// Reads the file that the command line names, if any, and lets flags win over it.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn load(cli: Cli) -> Result<Self, ConfigError> {
        Self::new(Settings::load(cli.config, cli.settings)?)
    }

    /// Checks settings and completes them with defaults.
    ///
    /// # Errors
    /// Any [`ConfigError`] but those of a file.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let credentials = source(&settings)?;
        let metrics = metrics(&settings)?;
        let tls = tls_files(&settings)?;
        let store = place(&settings)?;
        let keeping = keeping(&settings)?;
        let supervision = supervision(&settings)?;
        let address_limit = address_limit(&settings)?;
        let [enclave_port, services_port, tunnel_port] = DEFAULT_PORTS;
        let here = |port| Endpoint::Vsock { cid: u32::MAX, port };
        let request = time(settings.deadline_s)?.unwrap_or(DEFAULT_REQUEST_DEADLINE);
        let config = Self {
            listen: settings.listen.unwrap_or(DEFAULT_LISTEN),
            tls,
            metrics,
            enclave: settings
                .enclave
                .unwrap_or(Endpoint::Vsock { cid: DEFAULT_ENCLAVE_CID, port: enclave_port }),
            services: settings.services.unwrap_or_else(|| here(services_port)),
            tunnel: settings.tunnel.unwrap_or_else(|| here(tunnel_port)),
            kms: settings.kms.ok_or(ConfigError::Missing("kms"))?,
            store,
            credentials,
            keeping,
            supervision,
            max_requests: settings.max_requests.unwrap_or(DEFAULT_MAX_REQUESTS),
            max_connections: settings.max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS),
            address_limit,
            cors_origins: settings.cors_origins.unwrap_or_default(),
            timing: Timing {
                request,
                // A connection that waits for an answer is not idle.
                idle: CONNECTION_IDLE + request,
                drain_delay: time(settings.drain_delay_s)?.unwrap_or(Duration::ZERO),
                grace: time(settings.grace_s)?.unwrap_or(DEFAULT_GRACE),
                ..Timing::default()
            },
            ready_file: settings.ready_file,
        };
        config.checked()
    }

    /// Who may connect to the host's listeners for the enclave: the one that is dialled, no other.
    #[must_use]
    pub fn peer_rule(&self) -> PeerRule {
        PeerRule::same_as(&self.enclave)
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let unix = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Unix(_));
        if matches!(self.enclave, Endpoint::Vsock { cid: u32::MAX, .. }) {
            return Err(ConfigError::Combination("enclave must name one context id"));
        }
        if [&self.services, &self.tunnel].into_iter().any(|own| unix(own) != unix(&self.enclave)) {
            return Err(ConfigError::Combination(
                "enclave, services and tunnel must all be vsock or all unix",
            ));
        }
        if self.services == self.tunnel {
            return Err(ConfigError::Combination("services and tunnel must differ"));
        }
        if self.max_requests == 0 || self.max_connections == 0 {
            return Err(ConfigError::Combination("max-requests and max-connections must be at least 1"));
        }
        if self.max_connections > MOST_CONNECTIONS {
            return Err(ConfigError::Combination("max-connections must be at most 1048576"));
        }
        Ok(self)
    }
}

/// Where monitoring connects. What it tells is the operator's alone, so that a wider address is a decision.
fn metrics(settings: &Settings) -> Result<SocketAddr, ConfigError> {
    let address = settings.metrics.unwrap_or(DEFAULT_METRICS);
    if address.ip().is_loopback() || settings.metrics_any_address == Some(true) {
        return Ok(address);
    }
    Err(ConfigError::Combination("metrics must be a loopback address unless metrics-any-address is set"))
}

pub(crate) fn source(settings: &Settings) -> Result<Source, ConfigError> {
    let container = container(settings)?;
    match (&settings.credentials_file, &settings.credentials_imds, container) {
        (Some(file), None, None) => Ok(Source::File(file.clone())),
        (None, Some(imds), None) => Ok(Source::Imds(imds.clone())),
        (None, None, Some(container)) => Ok(Source::Container(container)),
        (None, None, None) => {
            Err(ConfigError::Missing("credentials-file, credentials-imds or credentials-container"))
        }
        _ => Err(ConfigError::Combination(
            "credentials-file, credentials-imds and credentials-container exclude each other",
        )),
    }
}

fn container(settings: &Settings) -> Result<Option<Container>, ConfigError> {
    match (settings.credentials_container.clone(), settings.credentials_container_token_file.clone()) {
        (None, None) => Ok(None),
        (Some(url), Some(token_file)) => Ok(Some(Container { url, token_file })),
        _ => Err(ConfigError::Combination(
            "credentials-container and credentials-container-token-file need each other",
        )),
    }
}

/// The store with what belongs to its kind, and nothing of the other kind.
pub(crate) fn place(settings: &Settings) -> Result<Place, ConfigError> {
    let (region, endpoint) = (settings.s3_region.clone(), settings.s3_endpoint.clone());
    match settings.store.clone().ok_or(ConfigError::Missing("store"))? {
        Location::Directory(_) if region.is_some() || endpoint.is_some() => {
            Err(ConfigError::Combination("s3-region and s3-endpoint need a store in S3"))
        }
        Location::Directory(path) => exists("store", &path).map(|()| Place::Directory(path)),
        Location::S3(bucket, prefix) => {
            let region = region.ok_or(ConfigError::Missing("s3-region"))?;
            Ok(Place::S3(S3Place { bucket, prefix, region, endpoint }))
        }
    }
}

/// Without a directory nothing is kept, and nothing is there to forward.
fn keeping(settings: &Settings) -> Result<Option<Keeping>, ConfigError> {
    match (settings.state_dir.clone(), settings.audit_forward.clone()) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ConfigError::Combination("audit-forward needs state-dir")),
        (Some(directory), forward) => Ok(Some(Keeping { directory, forward })),
    }
}

fn supervision(settings: &Settings) -> Result<Option<Plan>, ConfigError> {
    let program = |words: &Option<Vec<String>>, what| {
        words.clone().map(Program::new).transpose().map_err(|_| ConfigError::Combination(what))
    };
    let start = program(&settings.enclave_start, "enclave-start must begin with a program")?;
    let stop = program(&settings.enclave_stop, "enclave-stop must begin with a program")?;
    let timeout = time(settings.enclave_start_timeout_s)?;
    let Some(start) = start else {
        return match (stop, timeout) {
            (None, None) => Ok(None),
            _ => Err(ConfigError::Combination("enclave-stop and enclave-start-timeout-s need enclave-start")),
        };
    };
    let start_timeout = timeout.unwrap_or(DEFAULT_START_TIMEOUT);
    Ok(Some(Plan { start, stop, start_timeout, pace: Pace::default() }))
}

/// A time that is set. Longer ones serve nobody, and could not be added to the clock.
fn time(seconds: Option<u64>) -> Result<Option<Duration>, ConfigError> {
    if seconds.is_some_and(|seconds| seconds > MAX_SETTING_S) {
        return Err(ConfigError::Combination(
            "deadline-s, drain-delay-s, grace-s and enclave-start-timeout-s must be at most 86400",
        ));
    }
    Ok(seconds.map(Duration::from_secs))
}

fn address_limit(settings: &Settings) -> Result<Option<AddressLimit>, ConfigError> {
    match (settings.address_rate, settings.address_burst) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ConfigError::Combination("address-burst needs address-rate")),
        (Some(rate), burst) => {
            let default = || rate.saturating_mul(DEFAULT_ADDRESS_BURST_S);
            Ok(Some(AddressLimit { rate, burst: burst.unwrap_or_else(default) }))
        }
    }
}

fn tls_files(settings: &Settings) -> Result<Option<TlsFiles>, ConfigError> {
    match (settings.tls_cert.clone(), settings.tls_key.clone()) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => {
            exists("tls-cert", &cert)?;
            exists("tls-key", &key)?;
            Ok(Some(TlsFiles { cert, key }))
        }
        _ => Err(ConfigError::Combination("tls-cert and tls-key need each other")),
    }
}

fn exists(name: &'static str, path: &Path) -> Result<(), ConfigError> {
    if path.exists() { Ok(()) } else { Err(ConfigError::NotFound { name, path: path.to_owned() }) }
}

/// A path for a message, unless the key itself was given where its file belongs.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.contains("PRIVATE KEY-----") {
        "a private key in place of its file".to_owned()
    } else {
        text.into_owned()
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let failed = |error: io::Error| ConfigError::File { path: path.to_owned(), kind: error.kind() };
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(MAX_CONFIG_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_CONFIG_BYTES {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
