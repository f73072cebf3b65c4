//! The service: authenticates a request, runs its operation, logs the call.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use serde_json::Value;
use strongroom_kms::{Clock, Region};

use super::caller::SimCredential;
use super::calls::{Call, Misdeed};
use super::error::{ApiError, ErrorKind};
use super::limits::MAX_CALLS;
use super::operations::{Invocation, dispatch};
use super::recipient::RecipientVerifier;
use super::sigv4::{self, Expected, SignedRequest};
use super::state::{Key, Store};

/// What a simulated KMS is made of.
pub struct SimKmsConfig {
    /// The region it pretends to be in.
    pub region: Region,
    /// Its time.
    pub clock: Clock,
    /// The credentials it accepts; more can be added later.
    pub credentials: Vec<SimCredential>,
    /// Judges attestation documents.
    pub verifier: RecipientVerifier,
    /// Where keys are kept; without it they end with the process.
    pub state_dir: Option<PathBuf>,
}

/// A simulated KMS, without its network.
pub struct SimKms {
    region: Region,
    clock: Clock,
    verifier: RecipientVerifier,
    state: Mutex<State>,
}

struct State {
    store: Store,
    credentials: Vec<SimCredential>,
    calls: VecDeque<Call>,
    misdeed: Misdeed,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 400 or 500.
    pub status: u16,
    /// JSON, or nothing.
    pub body: Vec<u8>,
}

impl SimKms {
    /// Opens a KMS with the keys of its state directory.
    ///
    /// # Errors
    /// When that directory's file cannot be read.
    pub fn open(config: SimKmsConfig) -> io::Result<Self> {
        let store = Store::open(config.state_dir.as_deref())?;
        let (credentials, calls, misdeed) = (config.credentials, VecDeque::new(), Misdeed::None);
        let state = Mutex::new(State { store, credentials, calls, misdeed });
        Ok(Self { region: config.region, clock: config.clock, verifier: config.verifier, state })
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.iter().cloned().collect()
    }

    /// The calls so far as a file of CloudTrail.
    #[must_use]
    pub fn cloudtrail(&self) -> String {
        let records: Vec<_> = self.state().calls.iter().map(Call::cloudtrail).collect();
        serde_json::json!({ "Records": records }).to_string()
    }

    /// Misbehaves from now on.
    pub fn misbehave(&self, misdeed: Misdeed) {
        self.state().misdeed = misdeed;
    }

    /// Changes a key behind the API's back: what somebody did to it elsewhere or before.
    ///
    /// # Errors
    /// When there is no such key, or the state file cannot be written.
    pub fn alter(&self, id_or_arn: &str, change: impl FnOnce(&mut Key)) -> Result<(), ApiError> {
        let mut state = self.state();
        let mut key = state.store.find(id_or_arn)?.clone();
        change(&mut key);
        state.store.put(key)
    }

    /// Accepts one more set of credentials; one with the same access key is replaced.
    pub fn accept(&self, credential: SimCredential) {
        let mut state = self.state();
        state.credentials.retain(|c| c.access_key_id != credential.access_key_id);
        state.credentials.push(credential);
    }

    /// Seconds since 1970, for the `Date` header.
    pub(crate) fn unix_seconds(&self) -> u64 {
        let since = self.clock.now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| d.as_secs())
    }

    /// Answers one request.
    #[must_use]
    pub fn answer(&self, head: &Parts, body: &[u8]) -> Answer {
        let target = head.headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
        let operation = target.strip_prefix("TrentService.").unwrap_or_default().to_owned();
        let mut call = Call::of(operation);
        let mut state = self.state();
        let result = self.run(&mut state, &mut call, head, body);
        call.outcome = result.as_ref().map(|_| ()).map_err(|e| e.kind);
        tracing::info!(operation = %call.operation, principal = ?call.principal, outcome = ?call.outcome, "kms call");
        state.calls.push_back(call);
        if state.calls.len() > MAX_CALLS {
            state.calls.pop_front();
        }
        let padding = if let Misdeed::Pad(bytes) = state.misdeed { bytes } else { 0 };
        respond(result, padding)
    }

    fn run(&self, state: &mut State, call: &mut Call, head: &Parts, body: &[u8]) -> Result<Value, ApiError> {
        let now = self.clock.now();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let request =
            SignedRequest { method: head.method.as_str(), path, query, headers: &head.headers, body };
        let State { store, credentials, misdeed, .. } = state;
        let region = self.region.as_str();
        let expected = Expected { region, service: "kms", now, credentials: credentials.as_slice() };
        let caller = &sigv4::verify(request, expected)?.caller;
        call.principal = Some(caller.arn.clone());
        if (head.method.as_str(), path, query) != ("POST", "/", "") {
            return Err(ApiError::bare(ErrorKind::UnknownOperation));
        }
        let operation = call.operation.clone();
        let verifier = &self.verifier;
        let mut invocation =
            Invocation { region, now, caller, verifier, store, log: call, misdeed: &*misdeed };
        let result = dispatch(&mut invocation, &operation, body);
        // After the operation, so that the log shows what a retry sent.
        if let Misdeed::FailFirst(left @ 1..) = misdeed {
            *left -= 1;
            return Err(ApiError::bare(ErrorKind::Internal));
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn respond(result: Result<Value, ApiError>, padding: usize) -> Answer {
    let (status, body) = match result {
        Ok(Value::Null) => (200, Vec::new()),
        Ok(value) => (200, value.to_string().into_bytes()),
        Err(error) => (error.kind.status(), error.body().to_string().into_bytes()),
    };
    Answer { status, body: [vec![b' '; padding], body].concat() }
}
