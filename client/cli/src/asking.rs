//! What every command shares that asks a verified enclave something with an API key.

use std::sync::Arc;
use std::time::Duration;

use strongroom_client::{Client, ClientError, Keep, Options};

use crate::error::Result;
use crate::secret::{self, SecretFile};
use crate::state::Memory;
use crate::trust::TrustArgs;

/// Whom to ask, and as who.
#[derive(clap::Args)]
pub(crate) struct AskArgs {
    /// The host, http://HOST:PORT or https://HOST:PORT
    #[arg(long)]
    url: String,
    #[command(flatten)]
    trust: TrustArgs,
    /// File that holds the API key; else the environment variable STRONGROOM_API_KEY
    #[arg(long, value_name = "@FILE")]
    api_key: Option<SecretFile>,
}

/// A client, and what earlier runs have seen.
pub(crate) struct Asking {
    pub(crate) client: Client,
    pub(crate) memory: Memory,
}

impl AskArgs {
    pub(crate) fn connect(&self, keep: Option<Arc<Keep>>) -> Result<Asking> {
        self.connect_for(keep, None)
    }

    /// The same, with an age at which the enclave has to prove itself again.
    pub(crate) fn connect_for(&self, keep: Option<Arc<Keep>>, age: Option<Duration>) -> Result<Asking> {
        let trust = self.trust.load()?;
        let key = secret::api_key(self.api_key.as_ref())?;
        let memory = Memory::load(&trust);
        let ordinary = Options::default();
        let session_age = age.unwrap_or(ordinary.session_age);
        let options = Options { known_epochs: memory.known(), keep, session_age, ..ordinary };
        Ok(Asking { client: Client::connect(&self.url, trust, key, options)?, memory })
    }
}

impl Asking {
    /// Remembers what was seen, whatever the answer.
    pub(crate) fn done<T>(&self, answer: std::result::Result<T, ClientError>) -> Result<T> {
        self.memory.keep(&self.client.epochs());
        Ok(answer?)
    }
}
