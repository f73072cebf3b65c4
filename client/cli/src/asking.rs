//! What every command shares that asks a verified enclave something with an API key.

use std::sync::Arc;
use std::time::Duration;

use strongroom_client::{Client, ClientError, Keep, Options};

use crate::error::Result;
use crate::secret::SecretFile;
use crate::settings::Settings;
use crate::state::Memory;
use crate::trust::TrustArgs;

/// Whom to ask, and as who.
#[derive(clap::Args)]
pub(crate) struct AskArgs {
    /// The host, http://HOST:PORT or https://HOST:PORT; else STRONGROOM_URL, else `url` of the config file
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    /// File that holds the API key; else STRONGROOM_API_KEY or STRONGROOM_API_KEY_FILE, else `api_key_file` of the
    /// config file
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
        let settings = Settings::load()?;
        let url = settings.url(self.url.as_deref())?;
        let trust = self.trust.load()?;
        let key = settings.api_key(self.api_key.as_ref())?;
        let memory = Memory::load(&trust);
        let ordinary = Options::default();
        let session_age = age.unwrap_or(ordinary.session_age);
        let options = Options { known_epochs: memory.known(), keep, session_age, ..ordinary };
        Ok(Asking { client: Client::connect(&url, trust, key, options)?, memory })
    }
}

impl Asking {
    /// Remembers what was seen, whatever the answer.
    pub(crate) fn done<T>(&self, answer: std::result::Result<T, ClientError>) -> Result<T> {
        self.memory.keep(&self.client.epochs());
        Ok(answer?)
    }
}
