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
    #[error("cannot use {} for TLS: {reason}", path.display())]
    Tls {
        /// Which of the two files.
        path: PathBuf,
        /// Why not. Quotes nothing of the file.
        reason: String,
    },
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

impl HostError {
    /// Whether the configuration is at fault, or what it names.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Config(_) | Self::Tls { .. } | Self::Store(_) => true,
            Self::Keep { error, .. } => error.is_of_the_place(),
            Self::Listen { .. } | Self::Link { .. } | Self::ReadyFile { .. } | Self::PartEnded => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_better_next_time_is_no_fault_of_the_configuration() {
        let keep = |error| HostError::Keep { path: "state".into(), error };
        let missing = KeepError::Io(io::ErrorKind::NotFound);
        for error in [KeepError::NotADirectory, KeepError::Version(9), missing] {
            assert!(keep(error).is_configuration());
        }
        let taken = HostError::Listen { what: "clients", kind: io::ErrorKind::AddrInUse };
        for error in [keep(KeepError::Io(io::ErrorKind::StorageFull)), taken, HostError::PartEnded] {
            assert!(!error.is_configuration(), "{error}");
        }
    }
}
