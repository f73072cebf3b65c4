//! How much of the audit log is acknowledged: asked of the enclave, which says so under its signature.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_client::Client;

use crate::limits::HEAD_PERIOD;

/// A log: a boot, and a segment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogId {
    pub(crate) boot: [u8; 16],
    pub(crate) segment: u32,
}

/// What is known of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    /// Records that were made.
    pub(crate) records: u64,
    /// Of these, those that the host has said to have kept.
    pub(crate) confirmed: u64,
}

/// The latest heads of every log that was seen.
#[derive(Default)]
pub(crate) struct Heads {
    known: Mutex<BTreeMap<LogId, Head>>,
    latest: Mutex<Option<(LogId, Head)>>,
}

impl Heads {
    /// What is acknowledged of each log.
    pub(crate) fn all(&self) -> BTreeMap<LogId, Head> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether so many records of a log are acknowledged.
    pub(crate) fn is_confirmed(&self, log: LogId, records: u64) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&log).is_some_and(|head| head.confirmed >= records)
    }

    /// The head that was told last.
    pub(crate) fn latest(&self) -> Option<(LogId, Head)> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, log: LogId, head: Head) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.entry(log).or_default();
        before.records = before.records.max(head.records);
        before.confirmed = before.confirmed.max(head.confirmed);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((log, head));
    }
}

/// Asks for heads. Never returns.
pub(super) async fn ask(client: Client, heads: Arc<Heads>) {
    loop {
        look(&client, &heads).await;
        tokio::time::sleep(HEAD_PERIOD).await;
    }
}

/// A head is of the boot whose session answered, if that was one session all along.
async fn look(client: &Client, heads: &Heads) {
    let Ok(before) = client.session().await else { return };
    let Ok(report) = client.audit().await else { return };
    let Ok(after) = client.session().await else { return };
    if let (true, Some(segment)) = (Arc::ptr_eq(&before, &after), report.segment) {
        let boot = *before.verified().claims().boot.as_bytes();
        heads.note(LogId { boot, segment }, Head { records: report.records, confirmed: report.confirmed });
    }
}
