//! One attempt: over the session that is open, or over a new one after a full judgement.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_attestation::channel::{Channel, Pending, Session};
use strongroom_seal::message::Refusal;

use super::Client;
use super::call::{Call, Said};
use super::keep::Held;
use super::retry::Attempt;
use crate::error::{ClientError, TransportError};
use crate::transport::Route;

impl Client {
    pub(super) async fn attempt(&self, call: &Call) -> Result<Said, Attempt> {
        let mut current = self.session.lock().await;
        if let Some(held) = current.as_ref().filter(|held| self.in_force(&held.session)).cloned() {
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

    /// Whether the release that a session was verified against is still in force.
    fn in_force(&self, session: &Session) -> bool {
        session.verified().release().release().in_force((self.options.clock)()).is_ok()
    }

    /// Attests, judges and opens. The session is kept when the enclave keeps it: unless it refused the key.
    async fn open(&self, call: &Call) -> Result<(Option<Arc<Held>>, Result<Said, ClientError>), Attempt> {
        let (nonce, evidence) = self.hello().await?;
        let verified = self.judge(nonce, &evidence).verified.map_err(ClientError::from)?;
        call.check(&self.trust, verified.release().controls())?;
        let channel = Channel::new(verified, &self.random).map_err(ClientError::from)?;
        let opened = channel.open(&self.key, call.encoded_for_opening());
        let (session, message, pending) = opened.map_err(ClientError::from)?;
        let held = Held { session, evidence };
        let record = self.transport.post(Route::Message, Bytes::from(message)).await?;
        let said = self.read(&held, call, &pending, &record);
        let kept = match &said {
            Ok(_) => true,
            Err(ClientError::Refused(refusal)) => *refusal != Refusal::Key,
            Err(_) => false,
        };
        Ok((kept.then(|| Arc::new(held)), said))
    }

    async fn ask(&self, held: &Arc<Held>, call: &Call) -> Result<Said, Attempt> {
        call.check(&self.trust, held.session.verified().release().controls())?;
        let (message, pending) = held.session.seal(call.encoded()).map_err(ClientError::from)?;
        let record = match self.transport.post(Route::Message, Bytes::from(message)).await {
            Ok(record) => record,
            Err(failed) => {
                if failed.error == TransportError::Misdirected {
                    self.forget(held).await;
                }
                return Err(failed.into());
            }
        };
        match self.read(held, call, &pending, &record)? {
            Said::Open => Err(ClientError::NotAnAnswer.into()),
            said => Ok(said),
        }
    }

    fn read(&self, held: &Held, call: &Call, pending: &Pending, record: &[u8]) -> Result<Said, ClientError> {
        call.read(held, pending, record, (&self.trust, self.options.keep.as_deref()))
    }

    /// Drops a lost session, unless another attempt has already replaced it.
    async fn forget(&self, lost: &Arc<Held>) {
        let mut current = self.session.lock().await;
        if current.as_ref().is_some_and(|held| Arc::ptr_eq(held, lost)) {
            *current = None;
        }
    }
}
