//! A client that speaks the protocol step by step, as `docs/protocol.md` describes it, so that a test
//! can leave a step out or take it twice.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::channel::{Channel, Pending, Session};
use strongroom_attestation::evidence::{EvidenceError, Received, Trust, Verified, judge};
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::{Transcript, TrustRoot, UnixMillis};
use strongroom_proto::hello::ClientNonce;
use strongroom_seal::digest::OutcomeDigest;
use strongroom_seal::message::{Ask, Outcome, Request, RequestId, split_answer};
use strongroom_seal::secret::ApiKey;
use strongroom_seal::tensor::{DType, Tensor};

/// What the host answered: a status and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// A session, the message that opened it and what its answer is opened with.
pub struct Opened {
    /// The session.
    pub session: Session,
    /// The opening message.
    pub message: Vec<u8>,
    /// Opens its answer.
    pub pending: Pending,
}

/// The client.
pub struct RawClient {
    url: String,
    root: TrustRoot,
    trust: Trust,
    key: [u8; 32],
    http: Client<HttpConnector, Full<Bytes>>,
}

impl RawClient {
    /// A client of the host at `url`, with an API key as `strongroom api-key` writes it.
    #[must_use]
    pub fn new(url: String, root: TrustRoot, trust: Trust, key: &str) -> Self {
        let mut bytes = [0; 32];
        let decoded = key.strip_prefix("sr_").and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        if let Some(decoded) = decoded.filter(|decoded| decoded.len() == bytes.len()) {
            bytes.copy_from_slice(&decoded);
        }
        let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { url, root, trust, key: bytes, http }
    }

    /// The same client with another API key.
    #[must_use]
    pub fn with_key(mut self, key: [u8; 32]) -> Self {
        self.key = key;
        self
    }

    /// The same client with other demands.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Posts a body. Status 0 stands for a host that did not answer.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Reply {
        let lost = Reply { status: 0, body: Vec::new() };
        let request = http::Request::post(format!("{}{path}", self.url)).body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { return lost };
        let Ok(response) = self.http.request(request).await else { return lost };
        let status = response.status().as_u16();
        match response.into_body().collect().await {
            Ok(body) => Reply { status, body: body.to_bytes().to_vec() },
            Err(_) => lost,
        }
    }

    /// Posts a sealed message.
    pub async fn send(&self, message: &[u8]) -> Reply {
        self.post("/v1/message", message.to_vec()).await
    }

    /// Says hello with a fresh nonce.
    pub async fn hello(&self) -> (ClientNonce, Reply) {
        let nonce = ClientNonce::new(random());
        (nonce, self.post("/v1/hello", nonce.as_bytes().to_vec()).await)
    }

    /// Judges evidence with this client's demands.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub fn judge(&self, nonce: ClientNonce, evidence: &[u8]) -> Result<Verified, EvidenceError> {
        self.judge_at(nonce, evidence, now()).1
    }

    /// Judges evidence at a given time.
    pub fn judge_at(
        &self,
        nonce: ClientNonce,
        evidence: &[u8],
        now: UnixMillis,
    ) -> (Transcript, Result<Verified, EvidenceError>) {
        judge(Received { evidence, nonce, now }, &self.root, &self.trust)
    }

    /// Says hello and verifies.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub async fn verify(&self) -> Result<Verified, EvidenceError> {
        let (nonce, reply) = self.hello().await;
        self.judge(nonce, &reply.body)
    }

    /// Seals an opening for a verified enclave, with a request or without.
    #[must_use]
    pub fn open(&self, verified: Verified, request: &[u8]) -> Option<Opened> {
        let key = ApiKey::take(&mut self.key.clone());
        let channel = Channel::new(verified, &SystemRandom::new()).ok()?;
        let (session, message, pending) = channel.open(&key, request).ok()?;
        Some(Opened { session, message, pending })
    }

    /// Says hello, verifies, opens a session without a request and checks that it is open.
    pub async fn session(&self) -> Option<Session> {
        let opened = self.open(self.verify().await.ok()?, &[])?;
        let reply = self.send(&opened.message).await;
        let open = outcome(&opened.session, &opened.pending, &reply)?;
        matches!(Outcome::decode(&open).ok()?, Outcome::Open).then_some(opened.session)
    }
}

/// Opens a sealed answer, checks its receipt and returns the outcome's bytes.
#[must_use]
pub fn outcome(session: &Session, pending: &Pending, reply: &Reply) -> Option<Vec<u8>> {
    judged(session, pending, reply).map(|(outcome, _)| outcome)
}

/// As [`outcome`], with the receipt.
#[must_use]
pub fn judged(session: &Session, pending: &Pending, reply: &Reply) -> Option<(Vec<u8>, Receipt)> {
    let body = session.open_answer(pending, reply.body.clone()).ok()?;
    let parts = split_answer(body.bytes())?;
    let claims = session.verified().claims();
    let outcome = OutcomeDigest::of(parts.outcome);
    let receipt = Receipt::judge(parts.receipt, claims, pending.request(), outcome).ok()?;
    Some((parts.outcome.to_vec(), receipt))
}

/// Numbers in a row of the bundled model.
const COLUMNS: usize = 30;

/// The row of which every request of this process consists, as its bytes stand in a request. It is random, so that
/// whoever looks for it finds nothing else, and so near to zeros that the model takes it for them.
#[must_use]
pub fn row() -> &'static [u8] {
    static ROW: LazyLock<Vec<u8>> = LazyLock::new(|| {
        /// Sign and exponent of numbers from 2^-20 to twice that.
        const TINY: u32 = (127 - 20) << 23;
        let mantissa = || u32::from_le_bytes(random()) >> 9;
        (0..COLUMNS).flat_map(|_| (TINY | mantissa()).to_le_bytes()).collect()
    });
    &ROW
}

/// A request to the bundled model: `rows` times [`row`].
#[must_use]
pub fn request(rows: usize) -> Vec<u8> {
    let data = row().repeat(rows).into();
    let input =
        Tensor { name: "X".into(), dtype: DType::Fp32, shape: vec![rows as u64, COLUMNS as u64], data };
    let request = Request {
        id: RequestId::new(random()),
        model: "fraud".parse().unwrap_or_else(|_| unreachable!("a name")),
        version: None,
        inputs: vec![input],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    Ask::Infer(request).encode().unwrap_or_default()
}

/// Fresh random bytes.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    assert!(filled.is_ok(), "no randomness");
    bytes
}

/// The time of this machine.
#[must_use]
pub fn now() -> UnixMillis {
    let elapsed = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMillis::new(0).plus(elapsed)
}
