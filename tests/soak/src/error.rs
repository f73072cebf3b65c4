//! Why a run could not be made. A broken promise is a result, and not an error.

use strongroom_bench::BenchError;
use strongroom_client::{ClientError, TrustFileError, api_key::ApiKeyError};
use strongroom_sim::world::WorldError;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// A file, a socket or a process.
    #[error("{what}: {error}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The simulation.
    #[error("{0}")]
    World(#[from] WorldError),
    /// The client, before any fault.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// The trust file.
    #[error("trust file: {0}")]
    Trust(#[from] TrustFileError),
    /// The API key.
    #[error("API key: {0}")]
    Key(#[from] ApiKeyError),
    /// The load generator.
    #[error("{0}")]
    Bench(#[from] BenchError),
    /// The host's log.
    #[error("audit log: {0}")]
    Log(#[from] rusqlite::Error),
    /// Anything that is not as this run needs it.
    #[error("{0}")]
    Unfit(String),
}

impl SoakError {
    /// Names what was attempted when the system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }

    /// Says in words what is not as this run needs it.
    pub(crate) fn unfit(what: impl Into<String>) -> Self {
        Self::Unfit(what.into())
    }
}
