//! Why a measurement could not be made.

use strongroom_client::{ClientError, TrustFileError, api_key::ApiKeyError};
use strongroom_sim::world::WorldError;

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or a process of the kernel's view.
    #[error("{what}: {error}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// An argument, or a file that an argument names.
    #[error("{0}")]
    Argument(String),
    /// A model that our engine does not load, in its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// The client, or what it talks to.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// The trust file.
    #[error("trust file: {0}")]
    Trust(#[from] TrustFileError),
    /// The API key.
    #[error("API key: {0}")]
    Key(#[from] ApiKeyError),
    /// The simulation.
    #[error("{0}")]
    World(#[from] WorldError),
    /// A plain peer answered with something else than an inference.
    #[error("peer: {0}")]
    Peer(String),
    /// A package did not open.
    #[error("package: {0}")]
    Package(#[from] strongroom_seal::package::PackageError),
}

impl BenchError {
    /// Names what was attempted when the system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}
