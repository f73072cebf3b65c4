//! What can be set, by flag or in a TOML file.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use strongroom_link::Endpoint;

use super::{ConfigError, read_text};
use crate::credentials::{ContainerUrl, Imds};
use crate::destination::Destination;
use crate::edge::Origin;
use crate::keep::ForwardTo;
use crate::store::{Location, Region, S3Endpoint};

/// Untrusted relay between clients and a Strongroom enclave.
#[derive(Debug, clap::Parser)]
#[command(name = "strongroom-host", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// TOML file with the settings below, written with underscores (`tls_cert`); flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the configuration, say what is wrong with it, and exit.
    #[arg(long)]
    pub check: bool,
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
    /// What to do in place of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do in place of serving.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check this machine for what the host and its enclave need, and say what to do.
    Doctor(DoctorArgs),
}

/// What `doctor` takes: the settings of the host that it checks for.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// TOML file with the settings of the host; flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON in place of lines.
    #[arg(long)]
    pub json: bool,
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
}

/// Settings as given; nothing is checked yet.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address for clients, port 0 for any free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// PEM certificate chain for clients, leaf first [default: none, plain HTTP].
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM private key of the certificate [default: none].
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Address for /metrics, a loopback one unless the next allows another [default: 127.0.0.1:9464].
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Let /metrics be on an address that others reach [default: false; without value true].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub metrics_any_address: Option<bool>,
    /// The enclave's service, vsock:CID:PORT or unix:PATH [default: vsock:16:5000].
    #[arg(long, value_name = "ENDPOINT")]
    #[serde(deserialize_with = "endpoint")]
    pub enclave: Option<Endpoint>,
    /// Where the enclave reaches this host's services [default: vsock:any:5001].
    #[arg(long, value_name = "ENDPOINT")]
    #[serde(deserialize_with = "endpoint")]
    pub services: Option<Endpoint>,
    /// Where the enclave reaches the KMS tunnel [default: vsock:any:5002].
    #[arg(long, value_name = "ENDPOINT")]
    #[serde(deserialize_with = "endpoint")]
    pub tunnel: Option<Endpoint>,
    /// The tunnel's one destination, such as kms.eu-central-1.amazonaws.com:443 [no default].
    #[arg(long, value_name = "HOST:PORT")]
    pub kms: Option<Destination>,
    /// Directory or s3://BUCKET[/PREFIX] with charter.cose, release.bundle and packages/ [no default].
    #[arg(long, value_name = "DIR|S3-URL")]
    pub store: Option<Location>,
    /// Region of the bucket, such as eu-central-1 [no default; required for a store in S3].
    #[arg(long, value_name = "REGION")]
    pub s3_region: Option<Region>,
    /// Endpoint of S3, https, or http on a loopback address [default: the region's public one].
    #[arg(long, value_name = "URL")]
    pub s3_endpoint: Option<S3Endpoint>,
    /// JSON file in the form of AWS's credential_process, read again for each request [no default].
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
    /// Take credentials from the instance metadata service [no default; without URL http://169.254.169.254:80].
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = crate::credentials::DEFAULT_IMDS_URL)]
    pub credentials_imds: Option<Imds>,
    /// Take credentials from the agent on a pod's node, such as http://169.254.170.23/v1/credentials
    /// [no default].
    #[arg(long, value_name = "URL")]
    pub credentials_container: Option<ContainerUrl>,
    /// Token that the agent asks for, read again for each request [no default; required with the agent].
    #[arg(long, value_name = "FILE")]
    pub credentials_container_token_file: Option<PathBuf>,
    /// Directory in which the host keeps the enclave's audit log and sealed state [no default: without it the host
    /// keeps neither, and answers Absent].
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// File, or - for stdout, to which the audit log is added a second time, as JSON lines [default: none].
    #[arg(long, value_name = "FILE|-")]
    pub audit_forward: Option<ForwardTo>,
    /// Program that starts the enclave when it is out of reach; each use adds one word [default: none, the
    /// host starts nothing].
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub enclave_start: Option<Vec<String>>,
    /// Program that ends what an earlier start left, in the same form [default: none].
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub enclave_stop: Option<Vec<String>>,
    /// Seconds in which a started enclave must be reachable [default: 120].
    #[arg(long, value_name = "SECONDS")]
    pub enclave_start_timeout_s: Option<u64>,
    /// Messages of clients worked on at once [default: 256].
    #[arg(long, value_name = "N")]
    pub max_requests: Option<usize>,
    /// Connections of clients held at once [default: 1024].
    #[arg(long, value_name = "N")]
    pub max_connections: Option<usize>,
    /// Requests a second from one address of clients, IPv6 by /64; one more is told 429 [default: none].
    #[arg(long, value_name = "N")]
    pub address_rate: Option<NonZeroU32>,
    /// Requests at once from one address that was quiet before; needs a rate [default: 10 times the rate].
    #[arg(long, value_name = "N")]
    pub address_burst: Option<NonZeroU32>,
    /// Origin whose pages may ask this host from a browser, such as http://127.0.0.1:8081, or * for any; repeatable
    /// [default: none].
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub cors_origins: Option<Vec<Origin>>,
    /// Seconds in which the enclave must answer a request [default: 60].
    #[arg(long, value_name = "SECONDS")]
    pub deadline_s: Option<u64>,
    /// Seconds for which the host still listens after it said that it is not ready [default: 0].
    #[arg(long, value_name = "SECONDS")]
    pub drain_delay_s: Option<u64>,
    /// Seconds for which requests in flight are waited for at the end [default: 30].
    #[arg(long, value_name = "SECONDS")]
    pub grace_s: Option<u64>,
    /// File that receives the bound address once the host listens [default: none].
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Form of the log on stderr [default: text].
    #[arg(long, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
    /// Least important level that is logged [default: info].
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Level of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What keeps the host from working.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happens to the host and the enclave as a whole.
    #[default]
    Info,
    /// What happens to single connections.
    Debug,
}

impl Settings {
    /// Reads the file, if one is named, and lets flags win over it.
    ///
    /// # Errors
    /// [`ConfigError::File`] or [`ConfigError::Toml`].
    pub fn load(config: Option<PathBuf>, flags: Self) -> Result<Self, ConfigError> {
        let Some(path) = config else { return Ok(flags) };
        let file = toml::from_str(&read_text(&path)?)
            .map_err(|error| ConfigError::Toml { path, reason: error.to_string() })?;
        Ok(flags.or(file))
    }

    /// Takes from `other` whatever is not set here.
    fn or(self, other: Self) -> Self {
        let other = other.giving_way_to(&self);
        Self {
            listen: self.listen.or(other.listen),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            metrics: self.metrics.or(other.metrics),
            metrics_any_address: self.metrics_any_address.or(other.metrics_any_address),
            enclave: self.enclave.or(other.enclave),
            services: self.services.or(other.services),
            tunnel: self.tunnel.or(other.tunnel),
            kms: self.kms.or(other.kms),
            store: self.store.or(other.store),
            s3_region: self.s3_region.or(other.s3_region),
            s3_endpoint: self.s3_endpoint.or(other.s3_endpoint),
            credentials_file: self.credentials_file.or(other.credentials_file),
            credentials_imds: self.credentials_imds.or(other.credentials_imds),
            credentials_container: self.credentials_container.or(other.credentials_container),
            credentials_container_token_file: self
                .credentials_container_token_file
                .or(other.credentials_container_token_file),
            state_dir: self.state_dir.or(other.state_dir),
            audit_forward: self.audit_forward.or(other.audit_forward),
            enclave_start: self.enclave_start.or(other.enclave_start),
            enclave_stop: self.enclave_stop.or(other.enclave_stop),
            enclave_start_timeout_s: self.enclave_start_timeout_s.or(other.enclave_start_timeout_s),
            max_requests: self.max_requests.or(other.max_requests),
            max_connections: self.max_connections.or(other.max_connections),
            address_rate: self.address_rate.or(other.address_rate),
            address_burst: self.address_burst.or(other.address_burst),
            cors_origins: self.cors_origins.or(other.cors_origins),
            deadline_s: self.deadline_s.or(other.deadline_s),
            drain_delay_s: self.drain_delay_s.or(other.drain_delay_s),
            grace_s: self.grace_s.or(other.grace_s),
            ready_file: self.ready_file.or(other.ready_file),
            log_format: self.log_format.or(other.log_format),
            log_level: self.log_level.or(other.log_level),
        }
    }

    /// Without its source of credentials if `flags` name one, so that a flag can change the kind of
    /// source. A token goes with the agent that asks for it.
    fn giving_way_to(mut self, flags: &Self) -> Self {
        let other_kind = flags.credentials_file.is_some() || flags.credentials_imds.is_some();
        if other_kind || flags.credentials_container.is_some() {
            self.credentials_file = None;
            self.credentials_imds = None;
            self.credentials_container = None;
        }
        if other_kind {
            self.credentials_container_token_file = None;
        }
        self
    }
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Endpoint>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
