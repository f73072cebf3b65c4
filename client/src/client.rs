//! The client: verify first, then seal, then judge what comes back.
//!
//! One session serves every inference, in parallel. Whoever finds it lost opens the next one, which means a
//! hello with a fresh nonce and a judgement of the whole trust file; the others wait for that, and for no answer but that to
//! a client's very first request, which travels with its opening.

mod open;
mod retry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use strongroom_attestation::UnixMillis;
use strongroom_core::{
    Call, ClientError, Held, InferAnswer, InferRequest, Judged, Keep, Party, Said, TransportError, TrustFile,
};
use strongroom_proto::hello::ClientNonce;
use strongroom_proto::name::Name;
use strongroom_seal::message::{AuditReport, EnclaveStatus};
use strongroom_seal::secret::ApiKey;
use tokio::sync::Mutex;

use crate::limits::{INFER_TIME, SESSION_AGE};
use crate::transport::{Route, Transport};
use open::Current;
use retry::{Attempt, Retries};

/// What a caller may set.
#[derive(Clone)]
pub struct Options {
    /// Tells the time. It decides which certificates are valid, so no host may set it.
    pub clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    /// Highest epochs seen in earlier runs, by deployment; lower ones are refused.
    pub known_epochs: BTreeMap<Name, u64>,
    /// Time for one inference with all its attempts.
    pub deadline: Duration,
    /// How long a session is used before the enclave has to prove itself again.
    pub session_age: Duration,
    /// Takes each receipt that was judged, refusals' included, for who wants to prove later what was answered.
    pub keep: Option<Arc<Keep>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(system_time),
            known_epochs: BTreeMap::new(),
            deadline: INFER_TIME,
            session_age: SESSION_AGE,
            keep: None,
        }
    }
}

/// An inference as bytes, ready to be sealed. No `Debug`: it is plaintext.
pub struct Prepared(Call);

/// A client of one deployment behind one URL.
pub struct Client {
    transport: Transport,
    party: Party,
    options: Options,
    session: Mutex<Current>,
}

impl Client {
    /// Prepares a client. Nothing is sent, so that nothing can fail but the arguments.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Local`] when TLS cannot be set up.
    pub fn connect(url: &str, trust: TrustFile, key: ApiKey, options: Options) -> Result<Self, ClientError> {
        let party = Party::new(trust, key, options.known_epochs.clone(), options.keep.clone());
        Ok(Self { transport: Transport::new(url)?, party, options, session: Mutex::new(Current::none()) })
    }

    /// Asks for evidence with a fresh nonce and judges it. Opens no session.
    ///
    /// # Errors
    /// [`ClientError::Transport`] when no evidence came; a refusal of it stands in [`Judged`].
    pub async fn verify(&self) -> Result<Judged, ClientError> {
        self.in_time(async {
            let mut retries = Retries::new(self.options.deadline);
            loop {
                match self.hello().await {
                    Err(failed) => retries.wait(failed).await?,
                    Ok((nonce, evidence)) => return Ok(self.judge(nonce, &evidence)),
                }
            }
        })
        .await
    }

    /// The session with the verified enclave: what it was verified against, and every check. Opened where none is open, or
    /// where it has grown too old.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn session(&self) -> Result<Arc<Held>, ClientError> {
        self.in_time(async {
            let mut retries = Retries::new(self.options.deadline);
            loop {
                match self.held().await {
                    Err(failed) => retries.wait(failed).await?,
                    Ok(held) => return Ok(held),
                }
            }
        })
        .await
    }

    /// The demands.
    #[must_use]
    pub fn trust(&self) -> &TrustFile {
        self.party.trust()
    }

    /// Runs one inference in the verified enclave.
    ///
    /// # Errors
    /// See [`ClientError`]. Nothing of the request has left this process in the clear, whatever it is.
    /// [`ClientError::ModelNotDemanded`] when the trust file pins models, and the request could be answered by
    /// another one: nothing has been sent then at all.
    pub async fn infer(&self, request: InferRequest<'_>) -> Result<InferAnswer, ClientError> {
        self.send(&self.prepare(request)?).await
    }

    /// Writes an inference down, for who holds the tensors no longer when it is sent. Sends nothing.
    ///
    /// # Errors
    /// [`ClientError::Request`] for what cannot be put into a message, [`ClientError::Local`] without randomness.
    pub fn prepare(&self, request: InferRequest<'_>) -> Result<Prepared, ClientError> {
        self.party.ask(request).map(Prepared)
    }

    /// Runs what was prepared, once.
    ///
    /// # Errors
    /// As [`Client::infer`]; [`ClientError::Request`] where it was answered before.
    pub async fn send(&self, prepared: &Prepared) -> Result<InferAnswer, ClientError> {
        match self.call(&prepared.0).await? {
            Said::Answer(answer) => Ok(*answer),
            _ => Err(ClientError::NotAnAnswer),
        }
    }

    /// Asks the verified enclave how it does. The key's role must allow it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(&self) -> Result<EnclaveStatus, ClientError> {
        match self.call(&Call::status()?).await? {
            Said::Status(status) => Ok(status),
            _ => Err(ClientError::NotAnAnswer),
        }
    }

    /// Asks the verified enclave for the head of its audit log, and verifies its signature. The key's role
    /// must allow it.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::AuditHead`] for a head that the enclave did not sign.
    pub async fn audit(&self) -> Result<AuditReport, ClientError> {
        match self.call(&Call::audit()?).await? {
            Said::Audit(report) => Ok(report),
            _ => Err(ClientError::NotAnAnswer),
        }
    }

    /// Asks until there is an answer, or no attempt left.
    async fn call(&self, call: &Call) -> Result<Said, ClientError> {
        self.in_time(async {
            let mut retries = Retries::new(self.options.deadline);
            loop {
                match self.attempt(call).await {
                    Err(failed) => retries.wait(failed).await?,
                    Ok(said) => return Ok(said),
                }
            }
        })
        .await
    }

    /// Ends what takes longer than the deadline, waiting for a session that others open included.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        let late = |_| Err(ClientError::Transport(TransportError::TimedOut));
        tokio::time::timeout(self.options.deadline, work).await.unwrap_or_else(late)
    }

    /// The highest epoch of each deployment that passed a judgement, for the next run's [`Options`].
    #[must_use]
    pub fn epochs(&self) -> BTreeMap<Name, u64> {
        self.party.epochs()
    }

    /// A fresh nonce and what the host returns for it.
    async fn hello(&self) -> Result<(ClientNonce, Bytes), Attempt> {
        let nonce = self.party.nonce()?;
        let evidence = self.transport.post(Route::Hello, Bytes::copy_from_slice(nonce.as_bytes())).await?;
        Ok((nonce, evidence.into()))
    }

    fn judge(&self, nonce: ClientNonce, evidence: &[u8]) -> Judged {
        self.party.judge(nonce, evidence, self.now())
    }

    fn now(&self) -> UnixMillis {
        (self.options.clock)()
    }
}

fn system_time() -> UnixMillis {
    // Before 1970 no certificate is valid: the judgement fails, as it should.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
