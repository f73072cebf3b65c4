//! What goes on over releases, and, with an honest host, over boots: counters and the audit log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::rand::SecureRandom;
use strongroom_attestation::Nsm;
use strongroom_attestation::audit::{AuditPublicKey, PreviousLog};
use strongroom_controls::Ledger;
use strongroom_proto::frame::Kind;
use strongroom_seal::secret::StateKey;

use crate::audit::{AuditLog, LogError};
use crate::boot::Measured;
use crate::event::Restored;
use crate::host::Host;
use crate::limits::{STATE_BYTES_PER_SECOND, STATE_PERIOD};
use crate::service::Service;
use crate::state::State;

/// Counters and log of this boot.
pub(crate) struct Continuity {
    pub(crate) ledger: Ledger,
    measured: Arc<Measured>,
    nsm: Arc<dyn Nsm>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    /// Seals what this boot leaves to the next: that of the latest release, and how many there were.
    state_key: Mutex<(Option<Arc<StateKey>>, u64)>,
    /// What the host handed over at boot, until the first release can open it.
    handed: Mutex<Option<Vec<u8>>>,
    /// The log before this boot's first.
    previous: Mutex<Option<PreviousLog>>,
    log: Mutex<Option<Arc<AuditLog>>>,
}

impl Continuity {
    pub(crate) fn new(
        measured: &Arc<Measured>,
        nsm: &Arc<dyn Nsm>,
        random: &Arc<dyn SecureRandom + Send + Sync>,
        handed: Vec<u8>,
    ) -> Self {
        Self {
            ledger: Ledger::default(),
            measured: Arc::clone(measured),
            nsm: Arc::clone(nsm),
            random: Arc::clone(random),
            state_key: Mutex::default(),
            handed: Mutex::new(Some(handed)),
            previous: Mutex::default(),
            log: Mutex::default(),
        }
    }

    /// Opens the state that the host handed over; once, whatever becomes of it.
    pub(crate) fn restore(&self, key: &StateKey) -> Option<Restored> {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        if handed.is_empty() {
            return Some(Restored::Absent);
        }
        let deployment = &self.measured.charter().charter().deployment;
        let Some(State { counters, audit }) = State::open(&handed, key, deployment) else {
            return Some(Restored::Unreadable);
        };
        self.ledger.restore(counters);
        *self.previous.lock().unwrap_or_else(PoisonError::into_inner) = audit;
        Some(Restored::Continued)
    }

    /// From now on state is sealed under this key.
    pub(crate) fn seal_under(&self, key: StateKey) {
        let mut current = self.state_key.lock().unwrap_or_else(PoisonError::into_inner);
        *current = (Some(Arc::new(key)), current.1 + 1);
    }

    /// The log of this boot that is sealed to `key`: the one there is, or the next. Without a key there is none.
    pub(crate) async fn log_for(
        self: &Arc<Self>,
        key: Option<&AuditPublicKey>,
        host: &Host,
    ) -> Result<Option<Arc<AuditLog>>, LogError> {
        let Some(key) = key else { return Ok(None) };
        let current = self.log();
        if let Some(log) = current.as_ref().filter(|log| log.is_for(key)) {
            return Ok(Some(Arc::clone(log)));
        }
        let segment = current.as_ref().map_or(0, |log| log.segment() + 1);
        let before = self.previous.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let previous = current.as_ref().map(|log| log.so_far()).or(before);
        let (own, key) = (Arc::clone(self), key.clone());
        // The NSM blocks.
        let begun = tokio::task::spawn_blocking(move || {
            AuditLog::begin(&key, segment, previous, &own.measured, own.nsm.as_ref(), &own.random)
        });
        let log = Arc::new(begun.await.map_err(|_| crate::boot::BootError::Document)??);
        tokio::spawn(Arc::clone(&log).deliver(host.clone()));
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&log));
        if let Some(ended) = current {
            ended.close();
        }
        Ok(Some(log))
    }

    /// The latest log.
    fn log(&self) -> Option<Arc<AuditLog>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands the state to the host whenever something was answered or released. Never returns.
    ///
    /// Whether an answer was charged must not show in when state is handed over: any answer counts as a change.
    pub(crate) async fn keep(self: Arc<Self>, service: Arc<Service>, host: Host) {
        let (mut kept, mut number): (Option<Mark>, u64) = (None, 0);
        loop {
            let mut pause = STATE_PERIOD;
            let mark = self.mark(service.answered());
            if kept.as_ref() != Some(&mark)
                && let Some(state) = Arc::clone(&self).sealed(number).await
            {
                number += 1;
                pause = pause.max(Duration::from_secs(state.len() as u64 / STATE_BYTES_PER_SECOND));
                if host.keep(Kind::State, state).await.is_ok() {
                    kept = Some(mark);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Seals on a thread of its own: with many keys it takes a while.
    async fn sealed(self: Arc<Self>, number: u64) -> Option<Vec<u8>> {
        tokio::task::spawn_blocking(move || self.seal(number)).await.ok().flatten()
    }

    /// The state as it is now; `None` before the first release.
    fn seal(&self, number: u64) -> Option<Vec<u8>> {
        let key = self.state_key.lock().unwrap_or_else(PoisonError::into_inner).0.clone()?;
        let state = State { counters: self.ledger.save(), audit: self.log().map(|log| log.so_far()) };
        let deployment = &self.measured.charter().charter().deployment;
        state.seal(&key, deployment, self.measured.boot_id(), number)
    }

    fn mark(&self, answered: u64) -> Mark {
        let releases = self.state_key.lock().unwrap_or_else(PoisonError::into_inner).1;
        Mark { answered, releases }
    }
}

/// Tells one state from the next. Taken before the state, so that what comes in between is handed over next time.
#[derive(PartialEq, Eq)]
struct Mark {
    answered: u64,
    releases: u64,
}
