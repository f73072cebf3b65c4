//! The client: verify first, then seal, then judge what comes back.
//!
//! One session serves every inference, in parallel. Whoever finds it lost opens the next one, which means a
//! hello with a fresh nonce and a judgement of the whole trust file; the others wait for that.

mod accept;
mod call;
mod floors;
mod keep;
mod open;
mod retry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::evidence::{EvidenceError, Received, Verified, judge};
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::{Transcript, UnixMillis};
use strongroom_proto::hello::{ClientNonce, NONCE_BYTES};
use strongroom_proto::name::Name;
use strongroom_seal::message::{AuditReport, EnclaveStatus};
use strongroom_seal::secret::ApiKey;
use strongroom_seal::tensor::Tensor;
use tokio::sync::Mutex;

use crate::TrustFile;
use crate::error::{ClientError, TransportError};
use crate::limits::INFER_TIME;
use crate::transport::{Route, Transport};
use call::{Call, Said};
use floors::Floors;
use keep::Held;
use retry::{Attempt, Retries};

pub use keep::{Keep, Kept};

/// What a caller may set.
#[derive(Clone)]
pub struct Options {
    /// Tells the time. It decides which certificates are valid, so no host may set it.
    pub clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    /// Highest epochs seen in earlier runs, by deployment; lower ones are refused.
    pub known_epochs: BTreeMap<Name, u64>,
    /// Time for one inference with all its attempts.
    pub deadline: Duration,
    /// Takes each receipt that was judged, refusals' included, for who wants to prove later what was answered.
    pub keep: Option<Arc<Keep>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(system_time), known_epochs: BTreeMap::new(), deadline: INFER_TIME, keep: None }
    }
}

/// A request for one inference. No `Debug`: it is plaintext.
pub struct InferRequest {
    /// Which model, or a route that leads to one of several.
    pub model: Name,
    /// Which version; absent asks for the only one the release names.
    pub version: Option<Name>,
    /// Input tensors.
    pub inputs: Vec<Tensor<'static>>,
    /// Names of the outputs wanted, all of them when empty.
    pub outputs: Vec<String>,
    /// What is declared of the request where a route chooses by it, an amount of money say.
    pub risk: BTreeMap<Name, f64>,
}

/// An answer whose receipt was judged. No `Debug`: it is plaintext.
pub struct InferAnswer {
    /// Which model answered.
    pub model: Name,
    /// Which version of it.
    pub version: Name,
    /// Output tensors.
    pub outputs: Vec<Tensor<'static>>,
    /// The enclave's signature under request and answer.
    pub receipt: Receipt,
    /// The same as it was signed (COSE_Sign1).
    pub receipt_document: Vec<u8>,
}

/// A judgement: one line a check, and the enclave if it passed them all.
pub struct Judged {
    /// What was checked.
    pub transcript: Transcript,
    /// The enclave, or the first check that failed.
    pub verified: Result<Verified, EvidenceError>,
}

/// A client of one deployment behind one URL.
pub struct Client {
    transport: Transport,
    trust: TrustFile,
    key: ApiKey,
    options: Options,
    floors: Floors,
    session: Mutex<Option<Arc<Held>>>,
    random: SystemRandom,
}

impl Client {
    /// Prepares a client. Nothing is sent, so that nothing can fail but the arguments.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Local`] when TLS cannot be set up.
    pub fn connect(url: &str, trust: TrustFile, key: ApiKey, options: Options) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::new(url)?,
            floors: Floors::new(options.known_epochs.clone()),
            trust,
            key,
            options,
            session: Mutex::new(None),
            random: SystemRandom::new(),
        })
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

    /// Runs one inference in the verified enclave.
    ///
    /// # Errors
    /// See [`ClientError`]. Nothing of the request has left this process in the clear, whatever it is.
    /// [`ClientError::ModelNotDemanded`] when the trust file pins models, and the request could be answered by
    /// another one: nothing has been sent then at all.
    pub async fn infer(&self, request: InferRequest) -> Result<InferAnswer, ClientError> {
        let pinned = self.trust.pinned_version(&request.model).cloned();
        let request = InferRequest { version: request.version.or(pinned), ..request };
        match self.call(&Call::infer(request, &self.random)?).await? {
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
        self.floors.all()
    }

    /// A fresh nonce and what the host returns for it.
    async fn hello(&self) -> Result<(ClientNonce, Bytes), Attempt> {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce).map_err(|_| ClientError::Local("no randomness"))?;
        let evidence = self.transport.post(Route::Hello, Bytes::copy_from_slice(&nonce)).await?;
        Ok((ClientNonce::new(nonce), evidence))
    }

    /// Judges evidence, and once more where an earlier judgement of the same deployment raised the floor.
    fn judge(&self, nonce: ClientNonce, evidence: &[u8]) -> Judged {
        let now = (self.options.clock)();
        let received = Received { evidence, nonce, now };
        let (transcript, verified) = judge(received, self.trust.root(), self.trust.trust());
        let Ok(passed) = &verified else { return Judged { transcript, verified } };
        let floor = self.floors.of(&passed.charter().charter().deployment);
        let (transcript, verified) = if floor > self.trust.demands().least_epoch {
            judge(received, self.trust.root(), &self.trust.trust().clone().with_least_epoch(floor))
        } else {
            (transcript, verified)
        };
        if let Ok(passed) = &verified {
            self.floors.raise(&passed.charter().charter().deployment, passed.claims().epoch);
        }
        Judged { transcript, verified }
    }
}

fn system_time() -> UnixMillis {
    // Before 1970 no certificate is valid: the judgement fails, as it should.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
