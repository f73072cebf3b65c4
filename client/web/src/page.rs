//! What JavaScript sees: one class for each step, bytes in and bytes out.
//!
//! Nonce → judge → open → seal → read, as in [`Party`]. A failure is thrown as a [`Thrown`], which the package turns into
//! an error of its own.

#![allow(unreachable_pub, reason = "wasm_bindgen exports functions from modules of its own")]
#![allow(clippy::missing_errors_doc, reason = "each throws one type, whose kinds the package's manual lists")]

use std::alloc::System;
use std::collections::BTreeMap;
use std::time::Duration;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::channel::Pending;
use strongroom_core::{
    Call, ClientError, Cure, Held, InferRequest, Opening, Party, Said, TransportError, TrustFile, api_key,
};
use strongroom_proto::hello::{ClientNonce, NONCE_BYTES};
use strongroom_seal::message::Refusal;
use strongroom_seal::secret::{ApiKey, SECRET_BYTES};
use wasm_bindgen::prelude::wasm_bindgen;
use zeroizing_alloc::ZeroAlloc;

use crate::{Failure, Parts, describe, failure, question};

/// Whatever is given back is wiped: keys, requests and answers, and the copies that JavaScript's values make on their way.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// A client of one deployment.
#[wasm_bindgen]
pub struct Verifier {
    party: Party,
    keyed: bool,
}

/// Evidence that was judged.
#[wasm_bindgen]
pub struct Judged {
    judged: strongroom_core::Judged,
    evidence: Vec<u8>,
}

/// A question, the same over all attempts.
#[wasm_bindgen]
pub struct Question {
    call: Call,
    id: Option<String>,
}

/// A session with the enclave that passed.
#[wasm_bindgen]
pub struct Session {
    held: Held,
}

/// A sealed message and what waits for its answer. The first of a session brings the session along.
#[wasm_bindgen]
pub struct Sealed {
    message: Vec<u8>,
    pending: Pending,
    opened: Option<Session>,
}

/// What came back for a question. Without parts, the session is open and the question is still to be asked.
#[wasm_bindgen]
pub struct Answer {
    parts: Option<Parts>,
}

/// A failure, as it is thrown.
#[wasm_bindgen]
pub struct Thrown {
    failure: Failure,
    keeps_session: bool,
}

#[wasm_bindgen]
impl Verifier {
    /// Reads a trust file, with the document of published measurements where the file asks for one, and an API key,
    /// without which nothing but evidence can be asked for.
    #[wasm_bindgen(constructor)]
    pub fn new(trust: &[u8], measurements: Option<Vec<u8>>, key: Option<String>) -> Result<Self, Thrown> {
        let trust = match measurements {
            Some(published) => TrustFile::parse_with_measurements(trust, &published),
            None => TrustFile::parse(trust),
        }
        .map_err(Failure::from)?;
        let keyed = key.is_some();
        let key = match key {
            Some(text) => api_key::parse(&text).map_err(|error| Failure::usage(error.to_string()))?,
            // Never sealed: `open` refuses before.
            None => ApiKey::take(&mut [0; SECRET_BYTES]),
        };
        Ok(Self { party: Party::new(trust, key, BTreeMap::new(), None), keyed })
    }

    /// Whether the trust file names a simulated root, which vouches for nothing.
    #[wasm_bindgen(getter)]
    pub fn simulation(&self) -> bool {
        self.party.trust().is_simulation()
    }

    /// A fresh nonce.
    pub fn nonce(&self) -> Result<Vec<u8>, Thrown> {
        Ok(self.party.nonce()?.as_bytes().to_vec())
    }

    /// Judges what came back for a nonce. `now` is in milliseconds since the Unix epoch.
    pub fn judge(&self, nonce: &[u8], evidence: Vec<u8>, now: f64) -> Result<Judged, Thrown> {
        let nonce: [u8; NONCE_BYTES] =
            nonce.try_into().map_err(|_| Failure::usage("the nonce has another length"))?;
        let judged = self.party.judge(ClientNonce::new(nonce), &evidence, millis(now));
        Ok(Judged { judged, evidence })
    }

    /// A question of a model: JSON of the Open Inference Protocol and the bytes behind it.
    pub fn ask(
        &self,
        model: &str,
        version: Option<String>,
        json: &[u8],
        behind: &[u8],
    ) -> Result<Question, Thrown> {
        let (id, request): (_, InferRequest) = question((model, version.as_deref()), json, behind)?;
        Ok(Question { call: self.party.ask(request)?, id })
    }

    /// Seals the API key, and the question where it is small, for the enclave that passed.
    pub fn open(&self, judged: Judged, now: f64, question: &Question) -> Result<Sealed, Thrown> {
        if !self.keyed {
            return Err(Failure::usage("an API key is missing").into());
        }
        let Judged { judged, evidence } = judged;
        let opening = self.party.open(judged, evidence.into(), millis(now), &question.call)?;
        let Opening { held, message, pending } = opening;
        Ok(Sealed { message, pending, opened: Some(Session { held }) })
    }

    /// Seals a question under an open session.
    pub fn seal(&self, session: &Session, question: &Question) -> Result<Sealed, Thrown> {
        let (message, pending) = self.party.seal(&session.held, &question.call)?;
        Ok(Sealed { message, pending, opened: None })
    }

    /// Opens an answer and judges its receipt.
    pub fn read(
        &self,
        session: &Session,
        question: &Question,
        sealed: &Sealed,
        record: Vec<u8>,
    ) -> Result<Answer, Thrown> {
        match self.party.read_owned(&session.held, &question.call, &sealed.pending, record)? {
            Said::Open => Ok(Answer { parts: None }),
            Said::Answer(answer) => Ok(Answer { parts: Some(Parts::new(question.id.clone(), *answer)) }),
            Said::Status(_) | Said::Audit(_) => Err(ClientError::NotAnAnswer.into()),
        }
    }
}

#[wasm_bindgen]
impl Judged {
    /// Whether every demand is met.
    #[wasm_bindgen(getter)]
    pub fn ok(&self) -> bool {
        self.judged.verified.is_ok()
    }

    /// One line a check, as JSON.
    #[wasm_bindgen(getter)]
    pub fn checks(&self) -> String {
        describe::json(&self.judged.transcript)
    }

    /// What was verified, as JSON.
    #[wasm_bindgen(getter)]
    pub fn verified(&self) -> Option<String> {
        self.judged.verified.as_ref().ok().map(describe::verified)
    }

    /// The first check that failed, in words.
    #[wasm_bindgen(getter)]
    pub fn refusal(&self) -> Option<String> {
        self.judged.verified.as_ref().err().map(ToString::to_string)
    }

    /// The evidence as received.
    #[wasm_bindgen(getter)]
    pub fn evidence(&self) -> Vec<u8> {
        self.evidence.clone()
    }
}

#[wasm_bindgen]
impl Session {
    /// Whether it may still be asked: the release is in force, and the verification not older than `max_age` milliseconds.
    #[wasm_bindgen(js_name = inForce)]
    pub fn in_force(&self, now: f64, max_age: f64) -> bool {
        self.held.in_force(millis(now), Duration::from_millis(millis(max_age).as_millis()))
    }

    /// What was verified, as JSON.
    #[wasm_bindgen(getter)]
    pub fn verified(&self) -> String {
        describe::verified(self.held.verified())
    }
}

#[wasm_bindgen]
impl Sealed {
    /// What to send.
    #[wasm_bindgen(getter)]
    pub fn message(&self) -> Vec<u8> {
        self.message.clone()
    }

    /// The session that this message opens; once.
    #[wasm_bindgen(js_name = takeSession)]
    pub fn take_session(&mut self) -> Option<Session> {
        self.opened.take()
    }
}

#[wasm_bindgen]
impl Answer {
    /// Whether the session was opened and the question is still to be asked.
    #[wasm_bindgen(getter)]
    pub fn opened(&self) -> bool {
        self.parts.is_none()
    }

    /// Which model answered.
    #[wasm_bindgen(getter)]
    pub fn model(&self) -> Option<String> {
        self.parts.as_ref().map(|parts| parts.model().to_owned())
    }

    /// Which version of it.
    #[wasm_bindgen(getter)]
    pub fn version(&self) -> Option<String> {
        self.parts.as_ref().map(|parts| parts.version().to_owned())
    }

    /// Names, datatypes, shapes and lengths of the outputs, as JSON.
    #[wasm_bindgen(getter)]
    pub fn outputs(&self) -> Option<String> {
        self.parts.as_ref().map(Parts::outputs)
    }

    /// The elements of all outputs, one after the other.
    #[wasm_bindgen(getter)]
    pub fn elements(&self) -> Option<Vec<u8>> {
        self.parts.as_ref().map(Parts::elements)
    }

    /// The whole response in JSON, where JSON can hold it.
    pub fn text(&self) -> Result<Option<String>, Thrown> {
        Ok(self.parts.as_ref().map(Parts::text).transpose()?)
    }

    /// What the receipt says, as JSON.
    #[wasm_bindgen(getter)]
    pub fn receipt(&self) -> Option<String> {
        self.parts.as_ref().map(|parts| parts.receipt().to_owned())
    }

    /// The receipt as it was signed.
    #[wasm_bindgen(getter)]
    pub fn document(&self) -> Option<Vec<u8>> {
        self.parts.as_ref().map(|parts| parts.document().to_vec())
    }
}

#[wasm_bindgen]
impl Thrown {
    /// The status of HTTP that says whose fault it is.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.failure.status
    }

    /// Which sort of failure.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> String {
        self.failure.kind.to_owned()
    }

    /// What is wrong.
    #[wasm_bindgen(getter)]
    pub fn message(&self) -> String {
        self.failure.message.clone()
    }

    /// Milliseconds after which the same request may pass.
    #[wasm_bindgen(getter, js_name = retryAfterMs)]
    pub fn retry_after_ms(&self) -> Option<f64> {
        self.failure.retry_after_ms.map(|wait| wait as f64)
    }

    /// What another attempt needs: `attestation`, `time` or nothing.
    #[wasm_bindgen(getter)]
    pub fn cure(&self) -> Option<String> {
        match self.failure.cure {
            Cure::None => None,
            Cure::Attestation => Some("attestation".to_owned()),
            Cure::Time => Some("time".to_owned()),
        }
    }

    /// Whether the enclave keeps a session that was opened with this outcome: it refused, but not the key.
    #[wasm_bindgen(getter, js_name = keepsSession)]
    pub fn keeps_session(&self) -> bool {
        self.keeps_session
    }
}

/// What a status of the host means; without one, whether the exchange broke or nobody ever answered.
#[wasm_bindgen]
#[must_use]
pub fn exchange(status: Option<u16>, met: bool) -> Thrown {
    failure::exchange(status, met).into()
}

/// No whole answer came in time.
#[wasm_bindgen(js_name = timedOut)]
#[must_use]
pub fn timed_out() -> Thrown {
    ClientError::Transport(TransportError::TimedOut).into()
}

/// More bytes came than the protocol allows.
#[wasm_bindgen(js_name = tooLong)]
#[must_use]
pub fn too_long() -> Thrown {
    ClientError::Transport(TransportError::TooLong).into()
}

/// Greatest length of what the host may answer to a hello, in bytes.
#[wasm_bindgen(js_name = maxEvidenceBytes)]
#[must_use]
pub fn max_evidence_bytes() -> usize {
    strongroom_proto::limits::MAX_EVIDENCE_BYTES
}

/// Greatest length of what the host may answer to a message, in bytes.
#[wasm_bindgen(js_name = maxRecordBytes)]
#[must_use]
pub fn max_record_bytes() -> usize {
    strongroom_proto::limits::MAX_RECORD_BYTES
}

impl From<Failure> for Thrown {
    fn from(failure: Failure) -> Self {
        Self { failure, keeps_session: false }
    }
}

impl From<ClientError> for Thrown {
    fn from(error: ClientError) -> Self {
        let keeps_session = matches!(&error, ClientError::Refused(refusal) if *refusal != Refusal::Key);
        Self { failure: error.into(), keeps_session }
    }
}

/// JavaScript's numbers are floats. What is before 1970 or no number is 1970, when no certificate was valid.
fn millis(number: f64) -> UnixMillis {
    UnixMillis::new(number as u64)
}
