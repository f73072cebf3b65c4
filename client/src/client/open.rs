//! One attempt: over the session that is open, or over a new one after a full judgement.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_attestation::channel::{Channel, Session};
use strongroom_seal::message::Refusal;

use super::call::{Call, Said};
use super::retry::Attempt;
use super::{Client, InferAnswer};
use crate::error::{ClientError, TransportError};
use crate::transport::Route;

impl Client {
    pub(super) async fn attempt(&self, call: &Call) -> Result<InferAnswer, Attempt> {
        let mut current = self.session.lock().await;
        if let Some(session) = current.as_ref().filter(|session| self.in_force(session)).cloned() {
            drop(current);
            return self.ask(&session, call).await;
        }
        // The lock is held: others wait for this session instead of attesting on their own.
        let (session, said) = self.open(call).await?;
        *current = session.as_ref().map(Arc::clone);
        drop(current);
        match (said?, session) {
            (Said::Answer(answer), _) => Ok(*answer),
            (Said::Open, Some(session)) => self.ask(&session, call).await,
            (Said::Open, None) => Err(ClientError::NotAnAnswer.into()),
        }
    }

    /// Whether the release that a session was verified against is still in force.
    fn in_force(&self, session: &Session) -> bool {
        session.verified().release().release().in_force((self.options.clock)()).is_ok()
    }

    /// Attests, judges and opens. The session is kept when the enclave keeps it: unless it refused the key.
    async fn open(&self, call: &Call) -> Result<(Option<Arc<Session>>, Result<Said, ClientError>), Attempt> {
        let (nonce, evidence) = self.hello().await?;
        let verified = self.judge(nonce, &evidence).verified.map_err(ClientError::from)?;
        let channel = Channel::new(verified, &self.random).map_err(ClientError::from)?;
        let opened = channel.open(&self.key, call.encoded_for_opening());
        let (session, message, pending) = opened.map_err(ClientError::from)?;
        let record = self.transport.post(Route::Message, Bytes::from(message)).await?;
        let said = call.read(&session, &pending, &record);
        let kept = match &said {
            Ok(_) => true,
            Err(ClientError::Refused(refusal)) => *refusal != Refusal::Key,
            Err(_) => false,
        };
        Ok((kept.then(|| Arc::new(session)), said))
    }

    async fn ask(&self, session: &Arc<Session>, call: &Call) -> Result<InferAnswer, Attempt> {
        let (message, pending) = session.seal(call.encoded()).map_err(ClientError::from)?;
        let record = match self.transport.post(Route::Message, Bytes::from(message)).await {
            Ok(record) => record,
            Err(failed) => {
                if failed.error == TransportError::Misdirected {
                    self.forget(session).await;
                }
                return Err(failed.into());
            }
        };
        match call.read(session, &pending, &record)? {
            Said::Answer(answer) => Ok(*answer),
            Said::Open => Err(ClientError::NotAnAnswer.into()),
        }
    }

    /// Drops a lost session, unless another attempt has already replaced it.
    async fn forget(&self, lost: &Arc<Session>) {
        let mut current = self.session.lock().await;
        if current.as_ref().is_some_and(|session| Arc::ptr_eq(session, lost)) {
            *current = None;
        }
    }
}
