//! The audit log of this boot: records in memory until the host has confirmed them.
//!
//! Answers do not wait for the host's disk. But they wait for room: once [`MAX_PENDING_RECORDS`] are not
//! confirmed, nothing is answered until some are, so that no host gets answers while it drops records.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::SecureRandom;
use serde_bytes::ByteBuf;
use strongroom_attestation::audit::{
    AuditError, AuditEvent, AuditOpening, AuditPublicKey, AuditRecord, AuditWriter, PreviousLog,
};
use strongroom_attestation::{DocumentRequest, Nsm, UnixMillis};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_AUDIT_BATCH_RECORDS;
use strongroom_proto::relay::AuditBatch;
use strongroom_seal::digest::AuditCommitment;
use strongroom_seal::message::AuditReport;
use tokio::sync::Notify;

use crate::boot::{BootError, Measured};
use crate::host::Host;
use crate::limits::{AUDIT_PERIOD, AUDIT_RETRY, MAX_PENDING_RECORDS};

/// One log. A release with another audit key begins the next one.
pub(crate) struct AuditLog {
    key: AuditPublicKey,
    opening: AuditOpening,
    encoded: Vec<u8>,
    document: Vec<u8>,
    measured: Arc<Measured>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    state: Mutex<State>,
    work: Notify,
}

struct State {
    writer: AuditWriter,
    /// Records that are in no batch yet, and the number of the first.
    open: Vec<ByteBuf>,
    first: u64,
    batches: VecDeque<Batch>,
    confirmed: u64,
    /// The next log has begun: only sessions of the release before add to this one.
    is_closed: bool,
}

struct Batch {
    first: u64,
    records: Vec<ByteBuf>,
    checkpoint: Vec<u8>,
}

/// Why a log could not be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The audit key, or the random source.
    #[error("{0}")]
    Audit(#[from] AuditError),
    /// The NSM.
    #[error("{0}")]
    Document(#[from] BootError),
}

impl AuditLog {
    /// Begins a log for the owner's key, with an attestation document that commits to its opening.
    pub(crate) fn begin(
        key: &AuditPublicKey,
        segment: u32,
        previous: Option<PreviousLog>,
        measured: &Arc<Measured>,
        nsm: &dyn Nsm,
        random: &Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, LogError> {
        let charter = measured.charter();
        let deployment = &charter.charter().deployment;
        let boot = measured.boot_id();
        let (encapsulated, record_key) =
            AuditWriter::encapsulate(key, deployment, boot, segment, random.as_ref())?;
        let opening = AuditOpening {
            deployment: deployment.clone(),
            charter: charter.digest(),
            boot,
            segment,
            receipt_key: measured.receipt_key().public().clone(),
            encapsulated,
            previous,
            time: measured.clock().now(),
        };
        let encoded = opening.encode()?;
        let digest = AuditOpening::digest(&encoded).as_bytes().to_vec();
        let request = DocumentRequest::new().with_user_data(digest).map_err(BootError::from)?;
        let (document, _) = measured.document(nsm, &request)?;
        let writer = AuditWriter::begin(&opening, &encoded, record_key);
        let state = State {
            writer,
            open: Vec::new(),
            first: 0,
            batches: VecDeque::new(),
            confirmed: 0,
            is_closed: false,
        };
        let log = Self {
            key: key.clone(),
            opening,
            encoded,
            document,
            measured: Arc::clone(measured),
            random: Arc::clone(random),
            state: Mutex::new(state),
            work: Notify::new(),
        };
        // So that the boot shows before its first answer.
        log.cut(&mut log.lock())?;
        Ok(log)
    }

    /// Whether it is sealed to this key.
    pub(crate) fn is_for(&self, key: &AuditPublicKey) -> bool {
        self.key == *key
    }

    pub(crate) fn segment(&self) -> u32 {
        self.opening.segment
    }

    /// Whether nothing can be added at present.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().pending() >= MAX_PENDING_RECORDS
    }

    /// Adds a record and returns what the receipt says of it.
    pub(crate) fn append(&self, event: AuditEvent, now: UnixMillis) -> Result<AuditCommitment, LogError> {
        let mut blind = [0; 16];
        self.random.fill(&mut blind).map_err(|_| AuditError::Random)?;
        let record = AuditRecord { time: now, blind, event };
        let mut state = self.lock();
        let appended = state.writer.append(&record)?;
        state.open.push(ByteBuf::from(appended.sealed));
        if state.open.len() >= MAX_AUDIT_BATCH_RECORDS {
            self.cut(&mut state)?;
            self.work.notify_one();
        }
        Ok(appended.commitment)
    }

    /// How far it has come, signed.
    pub(crate) fn report(&self) -> Result<AuditReport, LogError> {
        let state = self.lock();
        let (checkpoint, confirmed) = (state.writer.checkpoint(self.measured.clock().now()), state.confirmed);
        drop(state);
        let signed = checkpoint.sign(self.measured.receipt_key(), self.random.as_ref())?;
        let (segment, records) = (Some(self.opening.segment), checkpoint.records);
        Ok(AuditReport { segment, records, confirmed, checkpoint: signed })
    }

    /// Records that the host has not confirmed.
    pub(crate) fn pending(&self) -> usize {
        self.lock().pending()
    }

    /// What the next log, or the next boot, is told of this one.
    pub(crate) fn so_far(&self) -> PreviousLog {
        let checkpoint = self.lock().writer.checkpoint(UnixMillis::new(0));
        PreviousLog {
            boot: checkpoint.boot,
            segment: checkpoint.segment,
            records: checkpoint.records,
            head: checkpoint.head,
        }
    }

    /// Ends the log once nobody can add to it any more: answers that are still being made are delivered as well.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.work.notify_one();
    }

    /// Hands batches to the host, each until it is confirmed. Returns once the log is closed, nobody else holds it,
    /// and all of it is delivered.
    pub(crate) async fn deliver(self: Arc<Self>, host: Host) {
        loop {
            while let Some(batch) = self.next_batch() {
                match host.keep(Kind::Audit, batch).await {
                    Ok(()) => self.confirm(),
                    Err(_) => tokio::time::sleep(AUDIT_RETRY).await,
                }
            }
            // Asked before looking for records: whoever holds the log may add one until it lets go.
            let is_alone = Arc::strong_count(&self) == 1;
            if is_alone && self.is_over() {
                return;
            }
            self.period().await;
        }
    }

    /// Waits for a second, or until a batch is full.
    async fn period(&self) {
        let _ = tokio::time::timeout(AUDIT_PERIOD, self.work.notified()).await;
        let mut state = self.lock();
        if !state.open.is_empty() {
            // Without randomness there is no signature; the next period tries again.
            let _ = self.cut(&mut state);
        }
    }

    fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_closed && state.pending() == 0
    }

    /// Makes a batch of the open records, with a signed checkpoint at its end.
    fn cut(&self, state: &mut State) -> Result<(), LogError> {
        let checkpoint = state.writer.checkpoint(self.measured.clock().now());
        let signed = checkpoint.sign(self.measured.receipt_key(), self.random.as_ref())?;
        let records = std::mem::take(&mut state.open);
        let first = state.first;
        state.first = checkpoint.records;
        state.batches.push_back(Batch { first, records, checkpoint: signed });
        Ok(())
    }

    fn next_batch(&self) -> Option<Vec<u8>> {
        let state = self.lock();
        let batch = state.batches.front()?;
        let batch = AuditBatch {
            boot: *self.opening.boot.as_bytes(),
            segment: self.opening.segment,
            opening: self.encoded.clone(),
            document: self.document.clone(),
            first: batch.first,
            records: batch.records.clone(),
            checkpoint: batch.checkpoint.clone(),
        };
        batch.encode().ok()
    }

    fn confirm(&self) {
        let mut state = self.lock();
        if let Some(batch) = state.batches.pop_front() {
            state.confirmed = batch.first + batch.records.len() as u64;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pending(&self) -> usize {
        self.batches.iter().map(|batch| batch.records.len()).sum::<usize>() + self.open.len()
    }
}
