//! One attempt: over the session that is open, or over a new one after a full judgement.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_core::{Call, ClientError, Held, Opening, Said, TransportError};
use strongroom_seal::message::Refusal;

use super::Client;
use super::retry::Attempt;
use crate::transport::{Failed, Route};

/// What is held of sessions.
pub(super) struct Current {
    held: Option<Arc<Held>>,
    /// Whether an opening takes along the request that needs it: that of the very first request, which it saves a round
    /// trip. Later ones open first and ask then, so that nobody who needs the session waits for their answer.
    carries: bool,
}

impl Current {
    pub(super) const fn none() -> Self {
        Self { held: None, carries: true }
    }

    fn keep(&mut self, held: Option<&Arc<Held>>) {
        self.held = held.cloned();
        self.carries &= held.is_none();
    }
}

impl Client {
    pub(super) async fn attempt(&self, call: &Call) -> Result<Said, Attempt> {
        let mut current = self.session.lock().await;
        if !current.carries {
            let held = self.renewed(&mut current).await?;
            drop(current);
            return self.ask(&held, call).await;
        }
        // The lock is held: others wait for this session instead of attesting on their own.
        let (held, said) = self.open(call, Route::Message).await?;
        current.keep(held.as_ref());
        drop(current);
        match (said?, held) {
            (Said::Open, Some(held)) => self.ask(&held, call).await,
            (Said::Open, None) => Err(ClientError::NotAnAnswer.into()),
            (said, _) => Ok(said),
        }
    }

    /// The session that is open, or a new one after a full judgement.
    pub(super) async fn held(&self) -> Result<Arc<Held>, Attempt> {
        let mut current = self.session.lock().await;
        // Who wants a session will want it again, and not wait for an answer either.
        current.carries = false;
        self.renewed(&mut current).await
    }

    /// The same under the lock, which is held for as long as opening takes and no inference.
    async fn renewed(&self, current: &mut Current) -> Result<Arc<Held>, Attempt> {
        if let Some(held) = current.held.as_ref().filter(|held| self.in_force(held)) {
            return Ok(Arc::clone(held));
        }
        let (held, said) = self.open(&Call::nothing(), Route::Opening).await?;
        current.keep(held.as_ref());
        match (said?, held) {
            (Said::Open, Some(held)) => Ok(held),
            _ => Err(ClientError::NotAnAnswer.into()),
        }
    }

    /// Asks once for evidence, with a fresh nonce and beside the session that is open, and judges it: whether a verified
    /// enclave answers at this moment. A session whose connection or enclave is gone is dropped. A host that is busy says
    /// nothing about the enclave.
    ///
    /// # Errors
    /// [`ClientError::Transport`] when no evidence came, [`ClientError::Evidence`] for one that does not pass.
    pub async fn check(&self) -> Result<(), ClientError> {
        let current = self.session.lock().await.held.clone();
        let nonce = self.party.nonce()?;
        match self.transport.post(Route::Hello, Bytes::copy_from_slice(nonce.as_bytes())).await {
            Ok(evidence) => Ok(self.judge(nonce, &evidence).verified.map(drop)?),
            Err(Failed { error: TransportError::Busy, .. }) if current.is_some() => Ok(()),
            Err(Failed { error, .. }) => {
                if let Some(held) = current.filter(|_| loses_session(error)) {
                    self.forget(&held).await;
                }
                Err(error.into())
            }
        }
    }

    fn in_force(&self, held: &Held) -> bool {
        held.in_force(self.now(), self.options.session_age)
    }

    /// Attests, judges and opens. The session is kept when the enclave keeps it: unless it refused the key.
    async fn open(
        &self,
        call: &Call,
        route: Route,
    ) -> Result<(Option<Arc<Held>>, Result<Said, ClientError>), Attempt> {
        let (nonce, evidence) = self.hello().await?;
        let judged = self.judge(nonce, &evidence);
        let Opening { held, message, pending } = self.party.open(judged, evidence, self.now(), call)?;
        let record = self.transport.post(route, Bytes::from(message)).await?;
        let said = self.party.read_owned(&held, call, &pending, record);
        let kept = match &said {
            Ok(_) => true,
            Err(ClientError::Refused(refusal)) => *refusal != Refusal::Key,
            Err(_) => false,
        };
        Ok((kept.then(|| Arc::new(held)), said))
    }

    async fn ask(&self, held: &Arc<Held>, call: &Call) -> Result<Said, Attempt> {
        let (message, pending) = self.party.seal(held, call)?;
        let record = match self.transport.post(Route::Message, Bytes::from(message)).await {
            Ok(record) => record,
            Err(failed) => {
                if loses_session(failed.error) {
                    self.forget(held).await;
                }
                return Err(failed.into());
            }
        };
        match self.party.read_owned(held, call, &pending, record)? {
            Said::Open => Err(ClientError::NotAnAnswer.into()),
            said => Ok(said),
        }
    }

    /// Drops a lost session, unless another attempt has already replaced it.
    async fn forget(&self, lost: &Arc<Held>) {
        let mut current = self.session.lock().await;
        if current.held.as_ref().is_some_and(|held| Arc::ptr_eq(held, lost)) {
            current.held = None;
        }
    }
}

/// Whether whoever answers next has to prove itself again: the session is gone, the enclave serves nothing, or the
/// connection is lost, and the next one may lead elsewhere. A host that is busy has lost nothing.
const fn loses_session(error: TransportError) -> bool {
    matches!(error, TransportError::Misdirected | TransportError::Unavailable | TransportError::Broken)
}
