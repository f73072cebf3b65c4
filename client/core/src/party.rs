//! One client of one deployment: who it is, what it demands, and every judgement it makes.
//!
//! 1. [`Party::nonce`]: a fresh nonce, which is all that is sent before anything was judged.
//! 2. [`Party::judge`]: the evidence that came back for it, against the whole trust file.
//! 3. [`Party::open`]: the API key, and a first request where it is small, sealed for the enclave that passed.
//! 4. [`Party::seal`]: each further request.
//! 5. [`Party::read`]: an answer, opened and held against what was verified.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::channel::{Channel, Pending, Session};
use strongroom_attestation::evidence::{EvidenceError, Received, Verified, judge};
use strongroom_attestation::{Transcript, UnixMillis};
use strongroom_proto::hello::{ClientNonce, NONCE_BYTES};
use strongroom_proto::name::Name;
use strongroom_seal::secret::ApiKey;

use crate::TrustFile;
use crate::call::{Call, InferRequest, Said};
use crate::error::ClientError;
use crate::floors::Floors;
use crate::keep::Keep;

/// A judgement: one line a check, and the enclave if it passed them all.
pub struct Judged {
    /// What was checked.
    pub transcript: Transcript,
    /// The enclave, or the first check that failed.
    pub verified: Result<Verified, EvidenceError>,
}

/// A session and the evidence that it was opened after.
pub struct Held {
    session: Session,
    evidence: Bytes,
    transcript: Transcript,
    opened: UnixMillis,
}

/// A sealed message that opens a session, and what waits for its answer.
pub struct Opening {
    /// The session, in force once the answer was read.
    pub held: Held,
    /// What to send.
    pub message: Vec<u8>,
    /// Opens the answer.
    pub pending: Pending,
}

/// One client of one deployment. No `Debug`: it holds the API key.
pub struct Party {
    trust: TrustFile,
    key: ApiKey,
    floors: Floors,
    keep: Option<Arc<Keep>>,
    random: SystemRandom,
}

impl Party {
    /// A client with these demands and this key. `known` are the highest epochs of earlier runs; lower ones are refused.
    #[must_use]
    pub fn new(trust: TrustFile, key: ApiKey, known: BTreeMap<Name, u64>, keep: Option<Arc<Keep>>) -> Self {
        Self { trust, key, floors: Floors::new(known), keep, random: SystemRandom::new() }
    }

    /// What is demanded.
    #[must_use]
    pub fn trust(&self) -> &TrustFile {
        &self.trust
    }

    /// An inference. A version that is not named is the one that the trust file pins, where it pins one.
    ///
    /// # Errors
    /// [`ClientError::Request`] for what cannot be put into a message, [`ClientError::Local`] without randomness.
    pub fn ask(&self, request: InferRequest<'_>) -> Result<Call, ClientError> {
        let pinned = self.trust.pinned_version(&request.model).cloned();
        Call::infer(InferRequest { version: request.version.or(pinned), ..request }, &self.random)
    }

    /// The highest epoch of each deployment that passed a judgement, for the next run.
    #[must_use]
    pub fn epochs(&self) -> BTreeMap<Name, u64> {
        self.floors.all()
    }

    /// A fresh nonce for a hello.
    ///
    /// # Errors
    /// [`ClientError::Local`] without randomness.
    pub fn nonce(&self) -> Result<ClientNonce, ClientError> {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce).map_err(|_| ClientError::Local("no randomness"))?;
        Ok(ClientNonce::new(nonce))
    }

    /// Judges evidence, and once more where an earlier judgement of the same deployment raised the floor.
    pub fn judge(&self, nonce: ClientNonce, evidence: &[u8], now: UnixMillis) -> Judged {
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

    /// Seals the API key, and the request where it is small enough to precede authentication.
    ///
    /// # Errors
    /// [`ClientError::Evidence`] for an enclave that did not pass, [`ClientError::ModelNotDemanded`],
    /// [`ClientError::Channel`].
    pub fn open(
        &self,
        judged: Judged,
        evidence: Bytes,
        now: UnixMillis,
        call: &Call,
    ) -> Result<Opening, ClientError> {
        let Judged { transcript, verified } = judged;
        let verified = verified?;
        call.check(&self.trust, verified.release().controls())?;
        let channel = Channel::new(verified, &self.random)?;
        let (session, message, pending) = channel.open(&self.key, &call.encoded_for_opening()?)?;
        Ok(Opening { held: Held { session, evidence, transcript, opened: now }, message, pending })
    }

    /// Seals a request under an open session.
    ///
    /// # Errors
    /// [`ClientError::ModelNotDemanded`], [`ClientError::Channel`], [`ClientError::Request`] for one that was
    /// answered.
    pub fn seal(&self, held: &Held, call: &Call) -> Result<(Vec<u8>, Pending), ClientError> {
        call.check(&self.trust, held.verified().release().controls())?;
        Ok(held.session.seal(&call.encoded()?)?)
    }

    /// Opens an answer, judges its receipt and reads what it says.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn read(
        &self,
        held: &Held,
        call: &Call,
        pending: &Pending,
        record: &[u8],
    ) -> Result<Said, ClientError> {
        self.read_owned(held, call, pending, record.to_vec())
    }

    /// The same of a record that is decrypted where it lies: a large answer is not copied before it is read.
    ///
    /// # Errors
    /// As [`Party::read`].
    pub fn read_owned(
        &self,
        held: &Held,
        call: &Call,
        pending: &Pending,
        record: Vec<u8>,
    ) -> Result<Said, ClientError> {
        call.read(held, pending, record, (&self.trust, self.keep.as_deref()))
    }
}

impl Held {
    /// What the session was verified against.
    #[must_use]
    pub fn verified(&self) -> &Verified {
        self.session.verified()
    }

    /// Every check that was made before it was opened.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// When that was, by the client's clock.
    #[must_use]
    pub fn opened(&self) -> UnixMillis {
        self.opened
    }

    /// Whether it may still be asked: the release that it was verified against is in force, and the verification is not
    /// older than `max_age`. One from the future is too old, too: the clock was set back.
    #[must_use]
    pub fn in_force(&self, now: UnixMillis, max_age: Duration) -> bool {
        let age = now.as_millis().checked_sub(self.opened.as_millis()).map(Duration::from_millis);
        age.is_some_and(|age| age <= max_age) && self.verified().release().release().in_force(now).is_ok()
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn evidence(&self) -> &Bytes {
        &self.evidence
    }
}
