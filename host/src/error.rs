//! What can stop the host.

use std::io;
use std::path::PathBuf;

use strongroom_link::LinkError;

use crate::config::ConfigError;
use crate::keep::KeepError;
use crate::store::StoreError;

/// Why the host does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A TCP listener could not be bound.
    #[error("cannot listen for {what}: {kind}")]
    Listen {
        /// For whom it was to listen.
        what: &'static str,
        /// Why not.
        kind: io::ErrorKind,
    },
    /// A listener for the enclave could not be bound.
    #[error("cannot listen for the enclave's {what}: {error}")]
    Link {
        /// What the enclave would have asked for.
        what: &'static str,
        /// Why not.
        error: LinkError,
    },
    /// The certificate or key for TLS cannot be used.
    #[error("cannot use the TLS certificate or key")]
    Tls,
    /// The package store cannot be used at all.
    #[error("cannot use the package store: {0}")]
    Store(StoreError),
    /// Nothing can be kept for the enclave.
    #[error("cannot keep anything for the enclave at {}: {error}", path.display())]
    Keep {
        /// Where.
        path: PathBuf,
        /// Why not.
        error: KeepError,
    },
    /// The ready file could not be written.
    #[error("cannot write {}: {kind}", path.display())]
    ReadyFile {
        /// Where.
        path: PathBuf,
        /// Why not.
        kind: io::ErrorKind,
    },
    /// A part of the host ended that never should.
    #[error("a part of the host ended unexpectedly")]
    PartEnded,
}
