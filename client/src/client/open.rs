//! One attempt: over the session that is open, or over a new one after a full judgement.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_core::{Call, ClientError, Held, Opening, Said, TransportError};
use strongroom_seal::message::Refusal;

use super::Client;
use super::retry::Attempt;
use crate::transport::{Failed, Route};

impl Client {
    pub(super) async fn attempt(&self, call: &Call) -> Result<Said, Attempt> {
        let mut current = self.session.lock().await;
        if let Some(held) = current.as_ref().filter(|held| self.in_force(held)).cloned() {
            drop(current);
            return self.ask(&held, call).await;
        }
        // The lock is held: others wait for this session instead of attesting on their own.
        let (held, said) = self.open(call).await?;
        *current = held.as_ref().map(Arc::clone);
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
        if let Some(held) = current.as_ref().filter(|held| self.in_force(held)) {
            return Ok(Arc::clone(held));
        }
        let (held, said) = self.open(&Call::nothing()).await?;
        current.clone_from(&held);
        drop(current);
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
        let current = self.session.lock().await.clone();
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
    async fn open(&self, call: &Call) -> Result<(Option<Arc<Held>>, Result<Said, ClientError>), Attempt> {
        let (nonce, evidence) = self.hello().await?;
        let judged = self.judge(nonce, &evidence);
        let Opening { held, message, pending } = self.party.open(judged, evidence, self.now(), call)?;
        let record = self.transport.post(Route::Message, Bytes::from(message)).await?;
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
        if current.as_ref().is_some_and(|held| Arc::ptr_eq(held, lost)) {
            *current = None;
        }
    }
}

/// Whether whoever answers next has to prove itself again: the session is gone, the enclave serves nothing, or the
/// connection is lost, and the next one may lead elsewhere. A host that is busy has lost nothing.
const fn loses_session(error: TransportError) -> bool {
    matches!(error, TransportError::Misdirected | TransportError::Unavailable | TransportError::Broken)
}
