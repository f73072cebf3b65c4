//! What the host keeps for its enclave: the audit log, and one state that outlives a boot.
//!
//! ```text
//! STATE_DIR/audit.db        SQLite: what the log begins with, sealed records, signatures under them, reports
//! STATE_DIR/state.sealed    what the enclave handed over last
//! ```
//!
//! The host can read none of it. It must never say that something is kept before the disk has it, and never
//! change or remove what it kept of the log.

mod audit;
mod forward;
mod handover;
mod place;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use strongroom_proto::cbor::CborError;
use strongroom_proto::relay::AuditBatch;
use strongroom_proto::report::{KeptReport, Summary};

use crate::metrics::{Metrics, bump};
use audit::Audit;
use forward::Forwarder;

pub use forward::ForwardTo;
pub(crate) use handover::HandOver;
pub(crate) use place::{Found, examine};

/// Where the host keeps things for its enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Directory of audit log and state.
    pub directory: PathBuf,
    /// Where the audit log is written a second time, if anywhere.
    pub forward: Option<ForwardTo>,
}

/// Why something is not kept, or cannot be given back.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The settings name no directory.
    #[error("state-dir is not set")]
    NotSet,
    /// What is named is something else.
    #[error("not a directory")]
    NotADirectory,
    /// Something in the directory, or the directory, is not this user's to write.
    #[error("not writable by this user: {0}")]
    NotWritable(&'static str),
    /// The operating system refused.
    #[error("i/o: {0}")]
    Io(io::ErrorKind),
    /// The state on the disk is longer than any enclave hands over.
    #[error("the state is too long")]
    StateTooLong,
    /// No batch of an audit log.
    #[error("malformed batch: {0}")]
    Malformed(#[from] CborError),
    /// Numbers of records beyond what the database holds.
    #[error("malformed batch: its records have no number here")]
    Number,
    /// The database is of another version of the host.
    #[error("the audit log has form {0}, which this version does not know")]
    Version(i64),
    /// SQLite refused.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
}

impl KeepError {
    /// Whether the place is wrong. A disk that is full, or a database that somebody else holds, may be better next time.
    pub(crate) fn is_of_the_place(&self) -> bool {
        use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
        match self {
            Self::NotSet | Self::NotADirectory | Self::NotWritable(_) | Self::Version(_) => true,
            Self::Io(kind) => [NotFound, PermissionDenied, ReadOnlyFilesystem].contains(kind),
            Self::StateTooLong | Self::Malformed(_) | Self::Number | Self::Database(_) => false,
        }
    }
}

impl From<io::Error> for KeepError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// An opened directory. All work is done on threads that may block.
pub(crate) struct Keeper {
    directory: Arc<Mutex<PathBuf>>,
    log: Arc<Mutex<Log>>,
    hand_over: Arc<HandOver>,
    metrics: Arc<Metrics>,
}

/// The audit log, and where it goes from here.
struct Log {
    audit: Audit,
    forwarder: Option<Forwarder>,
    metrics: Arc<Metrics>,
}

impl Keeper {
    /// Opens the directory, and makes what is missing of it.
    ///
    /// # Errors
    /// Any [`KeepError`] but those of a batch or a state.
    pub(crate) fn open(keeping: &Keeping, metrics: Arc<Metrics>) -> Result<Self, KeepError> {
        place::prepare(&keeping.directory)?;
        let audit = Audit::open(&keeping.directory)?;
        let start = |to: &ForwardTo| Forwarder::start(to.clone(), Arc::clone(&metrics));
        let forwarder = keeping.forward.as_ref().map(start).transpose()?;
        let log = Log { audit, forwarder, metrics: Arc::clone(&metrics) };
        let directory = Arc::new(Mutex::new(keeping.directory.clone()));
        let (log, hand_over) = (Arc::new(Mutex::new(log)), Arc::new(HandOver::new()));
        Ok(Self { directory, log, hand_over, metrics })
    }

    /// What is being handed over.
    pub(crate) fn hand_over(&self) -> Arc<HandOver> {
        Arc::clone(&self.hand_over)
    }

    /// The state that was kept last; empty when there is none. One that cannot be read is an error and not none,
    /// or an enclave would begin anew and replace it.
    pub(crate) async fn state(&self) -> Result<Vec<u8>, KeepError> {
        self.in_directory(state::read).await
    }

    /// Keeps a state in place of the last one.
    pub(crate) async fn keep_state(&self, state: Bytes) -> Result<(), KeepError> {
        let _handing_over = self.hand_over.begin_state(state.len());
        self.in_directory(move |directory| state::write(directory, &state)).await?;
        bump(&self.metrics.state_writes);
        Ok(())
    }

    /// Keeps a batch of the audit log.
    pub(crate) async fn keep_batch(&self, body: Bytes) -> Result<(), KeepError> {
        let _handing_over = self.hand_over.begin();
        let log = Arc::clone(&self.log);
        blocking(move || {
            let batch = AuditBatch::decode(&body)?;
            lock(&log).keep(batch)
        })
        .await
    }

    /// Keeps a report on the use of models, and shows its summary.
    pub(crate) async fn keep_report(&self, body: Bytes) -> Result<(), KeepError> {
        let _handing_over = self.hand_over.begin();
        let (log, metrics) = (Arc::clone(&self.log), Arc::clone(&self.metrics));
        blocking(move || {
            let report = KeptReport::decode(&body)?;
            let summary = Summary::decode(&report.summary)?;
            lock(&log).audit.keep_report(&report)?;
            metrics.reported(summary);
            Ok(())
        })
        .await
    }

    /// One after the other, because states are written beside their place under one name.
    async fn in_directory<T, F>(&self, work: F) -> Result<T, KeepError>
    where
        F: FnOnce(&Path) -> Result<T, KeepError> + Send + 'static,
        T: Send + 'static,
    {
        let directory = Arc::clone(&self.directory);
        blocking(move || work(&lock(&directory))).await
    }
}

impl Log {
    fn keep(&mut self, batch: AuditBatch) -> Result<(), KeepError> {
        let kept = self.audit.keep(batch)?;
        if kept.conflicts > 0 {
            let (boot, segment, conflicts) = (hex::encode(kept.boot), kept.segment, kept.conflicts);
            tracing::warn!(
                boot,
                segment,
                conflicts,
                "the enclave told its audit log differently; the first is kept"
            );
        }
        let bytes: usize = kept.records.iter().map(|(_, sealed)| sealed.len()).sum();
        self.metrics.audit_records.fetch_add(kept.records.len() as u64, Ordering::Relaxed);
        self.metrics.audit_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(forwarder) = &mut self.forwarder {
            forwarder.pass_on(kept);
        }
        Ok(())
    }
}

/// What a panic left behind is whole: SQLite undoes a transaction that was not committed.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T, F>(work: F) -> Result<T, KeepError>
where
    F: FnOnce() -> Result<T, KeepError> + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| KeepError::Io(io::ErrorKind::Other))?
}
