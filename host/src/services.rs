//! Answers what the enclave asks of its host: boot documents, credentials, packages, a log, and to keep what it
//! hands over.
//!
//! Nothing handed out here is trusted by the enclave, and nothing it asks can name a path.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use strongroom_link::{Answer, Handler, Listener, serve};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_LOG_LINE_BYTES;
use strongroom_proto::relay::Range;
use tokio::sync::Semaphore;

use crate::accept::accept_all;
use crate::credentials::Source;
use crate::keep::{KeepError, Keeper};
use crate::limits::{MAX_HANDED_OVER_BYTES, MAX_SERVICE_CONNECTIONS, SERVICE_CONCURRENCY};
use crate::metrics::{Metrics, bump};
use crate::relay::Relay;
use crate::store::Store;
use crate::trouble::Trouble;

/// What the enclave may ask for.
pub(crate) struct Services {
    pub(crate) store: Arc<Store>,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) credentials: Source,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) troubles: Troubles,
    pub(crate) memory: Arc<Semaphore>,
    /// Told that the enclave has shown itself.
    pub(crate) relay: Arc<Relay>,
}

/// With keeping what the enclave hands over, by kind.
#[derive(Default)]
pub(crate) struct Troubles {
    audit: Trouble,
    state: Trouble,
    report: Trouble,
}

impl Troubles {
    fn of(&self, kind: Kind) -> &Trouble {
        match kind {
            Kind::Audit => &self.audit,
            Kind::Report => &self.report,
            _ => &self.state,
        }
    }
}

/// Room for what the enclave hands over, in KiB.
pub(crate) fn memory() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_HANDED_OVER_BYTES / 1024))
}

/// Serves the enclave. Never returns.
pub(crate) async fn run(listener: Listener, services: Arc<Services>) {
    accept_all(listener, MAX_SERVICE_CONNECTIONS, "services", |stream| {
        let services = Arc::clone(&services);
        async move {
            let (reader, writer) = stream.into_split();
            let ended = serve(reader, writer, services, SERVICE_CONCURRENCY).await;
            tracing::debug!(%ended, "a service connection of the enclave ended");
        }
    })
    .await;
}

impl Handler for Services {
    fn takes(&self, kind: Kind) -> bool {
        matches!(
            kind,
            Kind::Boot
                | Kind::Credentials
                | Kind::Range
                | Kind::Log
                | Kind::Audit
                | Kind::State
                | Kind::Report
        )
    }

    fn memory(&self, _: usize) -> Option<Arc<Semaphore>> {
        Some(Arc::clone(&self.memory))
    }

    async fn handle(&self, kind: Kind, body: Bytes, _: usize) -> Option<Answer> {
        let found = match kind {
            Kind::Boot => {
                self.relay.has_news();
                self.boot().await
            }
            Kind::Credentials => self.credentials().await,
            Kind::Range => self.range(&body).await,
            Kind::Audit | Kind::State | Kind::Report => self.keep(kind, body).await,
            _ => {
                tracing::info!(target: "enclave", "{}", printable(&body));
                self.relay.has_news();
                return None;
            }
        };
        Some(match found {
            Some(bytes) => Answer { kind: Kind::HostReply, parts: vec![bytes.into()] },
            None => Answer { kind: Kind::Absent, parts: Vec::new() },
        })
    }
}

impl Services {
    async fn boot(&self) -> Option<Vec<u8>> {
        let state = match &self.keeper {
            Some(keeper) => keeper.state().await,
            None => Ok(Vec::new()),
        };
        let state = state.inspect_err(|error| tracing::warn!(%error, "no state for the enclave")).ok()?;
        match self.store.boot_documents(state).await {
            Ok(documents) => documents.encode().ok(),
            Err(error) => {
                tracing::warn!(%error, "no boot documents for the enclave");
                None
            }
        }
    }

    /// Nothing, once it is kept.
    async fn keep(&self, kind: Kind, body: Bytes) -> Option<Vec<u8>> {
        let kept = match &self.keeper {
            None => Err(KeepError::NotSet),
            Some(keeper) if kind == Kind::Audit => keeper.keep_batch(body).await,
            Some(keeper) if kind == Kind::Report => keeper.keep_report(body).await,
            Some(keeper) => keeper.keep_state(body).await,
        };
        self.tell(kind, &kept);
        kept.ok().map(|()| Vec::new())
    }

    /// Counts what was not kept, and logs when that begins, changes or ends. The enclave comes again every second.
    fn tell(&self, kind: Kind, kept: &Result<(), KeepError>) {
        // Without a directory nothing is kept by decision. The audit log is missed all the same: with so many records
        // that nobody keeps the enclave answers no more.
        let is_decided = matches!(kept, Err(KeepError::NotSet)) && kind != Kind::Audit;
        if kept.is_err() && !is_decided {
            bump(&self.metrics.keep_failures);
        }
        if !self.troubles.of(kind).is_news(kept) {
            return;
        }
        match kept {
            Ok(()) => tracing::info!(?kind, "kept for the enclave again"),
            Err(error) if is_decided => tracing::info!(?kind, %error, "not kept for the enclave"),
            Err(error) => tracing::warn!(?kind, %error, "not kept for the enclave"),
        }
    }

    async fn credentials(&self) -> Option<Vec<u8>> {
        match self.credentials.fetch().await {
            Ok(credentials) => credentials.encode().ok(),
            Err(error) => {
                tracing::warn!(%error, "no credentials for the enclave");
                None
            }
        }
    }

    async fn range(&self, body: &[u8]) -> Option<Vec<u8>> {
        let Ok(range) = Range::decode(body) else {
            tracing::warn!("the enclave asked for a malformed range");
            return None;
        };
        match self.store.read(&range).await {
            Ok(bytes) => {
                self.metrics.package_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Some(bytes)
            }
            Err(error) => {
                tracing::warn!(package = %range.package, %error, "package not readable");
                None
            }
        }
    }
}

/// The text without control characters, so that a line stays a line and a terminal a terminal.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(MAX_LOG_LINE_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_one_short_printable_line() {
        assert_eq!(printable(b"a\nb\x1b[31mc\x00d\xff"), "ab[31mcd\u{fffd}");
        assert_eq!(printable(&[b'x'; 5000]).len(), MAX_LOG_LINE_BYTES);
    }
}
