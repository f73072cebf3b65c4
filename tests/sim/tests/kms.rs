//! The real client against the simulated KMS, over loopback TCP and TLS: every operation, and every refusal.
//!
//! Attestation documents are pretended here (JSON that a test's own verifier reads), so that each refusal can be
//! brought about alone; the end of the file judges real documents with the real verifier.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use serde_json::json;
use strongroom_attestation::{DocumentRequest, Nsm, PcrIndex, TrustRoot, UnixMillis};
use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy, shut_policy};
use strongroom_kms::{
    AttestedDecrypt, AwsCredentials, BadAnswer, BoxStream, Clock, DataKey, EncryptionContext,
    HostCredentials, KeyArn, KeyState, Kms, KmsConfig, KmsError, PolicyText, RecipientKey, Refusal, TlsRoots,
};
use strongroom_sim::kms::{
    BadDocument, Caller, ErrorKind, Misdeed, RecipientFacts, RecipientVerifier, SimCredential, SimKms,
    SimKmsConfig, TlsIdentity, cms, recipient, serve,
};
use strongroom_sim::nsm::{SimIdentity, SimNsm};
use strongroom_sim::pki::{NitroPki, TlsCa};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "111122223333";
/// 2030-01-01, so that nothing passes by using the machine's clock.
const NOW: u64 = 1_893_456_000;
const TOKEN: &str = "a-session-token";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The time of the server, in the form of the simulated PKI.
fn now() -> UnixMillis {
    UnixMillis::new(NOW * 1000)
}

/// A pretended document.
fn document(image: u8, charter: u8, spki_der: &[u8]) -> Vec<u8> {
    json!({"image": image, "charter": charter, "key": spki_der}).to_string().into_bytes()
}

/// Reads what [`document`] writes.
fn pretended() -> RecipientVerifier {
    Arc::new(|document, _now| {
        let json: serde_json::Value = serde_json::from_slice(document).map_err(|_| BadDocument)?;
        let pcr = |name: &str| vec![json[name].as_u64().unwrap() as u8; 48];
        let key = json["key"].as_array().unwrap().iter().map(|b| b.as_u64().unwrap() as u8).collect();
        let pcrs = [(0, pcr("image")), (16, pcr("charter"))].into();
        Ok(RecipientFacts { module_id: "i-0-enc0".to_owned(), pcrs, public_key: Some(key) })
    })
}

fn credential(id: &str, caller: Caller) -> SimCredential {
    let is_role = caller.arn != caller.principal;
    SimCredential {
        access_key_id: id.into(),
        secret_access_key: format!("secret of {id}"),
        session_token: is_role.then(|| TOKEN.into()),
        expires: is_role.then(|| at(NOW + 3600)),
        caller,
    }
}

/// A running simulated KMS and what is needed to call it.
struct World {
    kms: Arc<SimKms>,
    address: SocketAddr,
    roots: TlsRoots,
    /// The time of the clients; the server's stands still at [`NOW`].
    seconds: Arc<AtomicU64>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    async fn new() -> Self {
        Self::start(&format!("kms.{REGION}.amazonaws.com"), config(None)).await
    }

    async fn start(host: &str, config: SimKmsConfig) -> Self {
        let kms = Arc::new(SimKms::open(config).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = TlsCa::generate(now()).unwrap();
        let server = authority.issue_server(host, now()).unwrap();
        let identity = TlsIdentity { chain: vec![server.certificate_der], key: server.key_pkcs8 };
        let server = tokio::spawn(serve(Arc::clone(&kms), listener, identity));
        let roots = TlsRoots::from_der([authority.root_der().to_vec()]).unwrap();
        Self { kms, address, roots, seconds: Arc::new(AtomicU64::new(NOW)), server }
    }

    fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.seconds);
        Clock::new(move || at(seconds.load(Ordering::SeqCst)))
    }

    fn client(&self, credentials: AwsCredentials) -> Kms {
        let cell = HostCredentials::new(self.clock());
        cell.set(credentials);
        self.client_with(cell, self.roots.clone())
    }

    fn client_with(&self, credentials: HostCredentials, roots: TlsRoots) -> Kms {
        let (address, clock) = (self.address, self.clock());
        let dial = Arc::new(move || -> strongroom_kms::BoxFuture<std::io::Result<BoxStream>> {
            Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as BoxStream) })
        });
        Kms::new(KmsConfig { region: REGION.parse().unwrap(), dial, roots, clock, credentials }).unwrap()
    }

    fn owner(&self) -> Kms {
        self.client(AwsCredentials::long_lived("OWNER".into(), String::from("secret of OWNER").into()))
    }

    fn enclave(&self) -> Kms {
        self.client(temporary("ENCLAVE", NOW + 3600))
    }

    /// A key that lets image 1 under charter 2 decrypt, and a data key under it.
    async fn sealed(&self) -> (KeyArn, DataKey) {
        let owner = self.owner();
        let key = owner.create_key(&shut_policy(&principals()).unwrap(), "models").await.unwrap();
        owner.put_key_policy(&key, &pinned()).await.unwrap();
        let data_key = owner.generate_data_key(&key, &context("m")).await.unwrap();
        (key, data_key)
    }
}

fn config(state_dir: Option<std::path::PathBuf>) -> SimKmsConfig {
    let owner = Caller::user(ACCOUNT, "owner", &["kms:*"]);
    let enclave = Caller::role(ACCOUNT, "Enclave", "i-0123456789", &["kms:Decrypt"]);
    SimKmsConfig {
        region: REGION.parse().unwrap(),
        clock: Clock::new(|| at(NOW)),
        credentials: vec![credential("OWNER", owner), credential("ENCLAVE", enclave)],
        verifier: pretended(),
        state_dir,
    }
}

fn temporary(id: &str, expires: u64) -> AwsCredentials {
    AwsCredentials::temporary(
        id.into(),
        format!("secret of {id}").into(),
        TOKEN.to_owned().into(),
        at(expires),
    )
}

fn principals() -> Principals {
    let owner = format!("arn:aws:iam::{ACCOUNT}:user/owner");
    Principals {
        admin: owner.parse().unwrap(),
        sealer: owner.parse().unwrap(),
        enclave: format!("arn:aws:iam::{ACCOUNT}:role/Enclave").parse().unwrap(),
    }
}

fn pinned() -> PolicyText {
    let pcr = |byte| PinnedPcr::new([byte; 48]).unwrap();
    key_policy(&principals(), &[Pin { image: pcr(1), charter: pcr(2) }]).unwrap()
}

fn context(model: &str) -> EncryptionContext {
    EncryptionContext::new([("model", model), ("deployment", "d")]).unwrap()
}

/// What [`decrypt_as`] varies.
struct Attempt {
    image: u8,
    charter: u8,
    model: &'static str,
}

const GOOD: Attempt = Attempt { image: 1, charter: 2, model: "m" };

async fn decrypt_as(kms: &Kms, key: &KeyArn, data: &DataKey, attempt: Attempt) -> Result<Vec<u8>, KmsError> {
    let recipient = RecipientKey::generate().unwrap();
    let document = document(attempt.image, attempt.charter, recipient.spki_der());
    let context = context(attempt.model);
    let call = AttestedDecrypt { key, wrapped: &data.wrapped, context: &context, document, recipient };
    kms.decrypt(call).await.map(|p| p.to_vec())
}

fn refused(refusal: Refusal) -> Result<Vec<u8>, KmsError> {
    Err(KmsError::Refused(refusal))
}

fn bad(answer: BadAnswer) -> Result<Vec<u8>, KmsError> {
    Err(KmsError::BadAnswer(answer))
}

#[tokio::test]
async fn a_data_key_goes_from_owner_to_enclave() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let opened = decrypt_as(&world.enclave(), &key, &data, GOOD).await.unwrap();
    assert_eq!(opened, data.plaintext.as_slice());
    let operations: Vec<String> = world.kms.calls().iter().map(|c| c.operation.clone()).collect();
    assert_eq!(operations, ["CreateKey", "PutKeyPolicy", "GenerateDataKey", "Decrypt"]);
    let last = world.kms.calls().pop().unwrap();
    assert_eq!(last.principal.unwrap(), format!("arn:aws:sts::{ACCOUNT}:assumed-role/Enclave/i-0123456789"));
    assert_eq!((last.key.as_deref(), last.outcome), (Some(key.as_str()), Ok(())));
    assert!(last.document.is_some());
}

#[tokio::test]
async fn the_owner_describes_and_reads_back() {
    let world = World::new().await;
    let (key, _) = world.sealed().await;
    let description = world.owner().describe_key(&key).await.unwrap();
    assert_eq!((description.arn.clone(), description.state), (key.clone(), KeyState::Enabled));
    assert!(description.is_symmetric_encryption);
    assert_eq!(world.owner().get_key_policy(&key).await.unwrap(), pinned());
}

#[tokio::test]
async fn wrong_registers_context_or_document_get_nothing() {
    let world = World::new().await;
    let ((key, data), enclave) = (world.sealed().await, world.enclave());
    for (attempt, refusal) in [
        (Attempt { image: 9, ..GOOD }, Refusal::AccessDenied),
        (Attempt { charter: 9, ..GOOD }, Refusal::AccessDenied),
        (Attempt { image: 0, charter: 0, ..GOOD }, Refusal::AccessDenied),
        (Attempt { model: "other", ..GOOD }, Refusal::InvalidCiphertext),
    ] {
        assert_eq!(decrypt_as(&enclave, &key, &data, attempt).await, refused(refusal));
    }
    // Right registers, but the owner's principal.
    assert_eq!(decrypt_as(&world.owner(), &key, &data, GOOD).await, refused(Refusal::AccessDenied));
    let context = context("m");
    let recipient = RecipientKey::generate().unwrap();
    let document = b"not a document".to_vec();
    let call = AttestedDecrypt { key: &key, wrapped: &data.wrapped, context: &context, document, recipient };
    assert_eq!(enclave.decrypt(call).await.map(|p| p.to_vec()), refused(Refusal::Validation));
}

#[tokio::test]
async fn a_missing_key_and_another_keys_ciphertext() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let (other, _) = world.sealed().await;
    let enclave = world.enclave();
    assert_eq!(decrypt_as(&enclave, &other, &data, GOOD).await, refused(Refusal::IncorrectKey));
    let unknown = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000");
    assert_eq!(
        decrypt_as(&enclave, &unknown.parse().unwrap(), &data, GOOD).await,
        refused(Refusal::NotFound)
    );
    let elsewhere: KeyArn = key.as_str().replace(REGION, "us-east-1").parse().unwrap();
    assert_eq!(decrypt_as(&enclave, &elsewhere, &data, GOOD).await, Err(KmsError::OtherRegion));
}

#[tokio::test]
async fn credentials_expired_unknown_or_absent() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let count = world.kms.calls().len();
    let expired = world.client(temporary("ENCLAVE", NOW));
    assert_eq!(decrypt_as(&expired, &key, &data, GOOD).await, Err(KmsError::CredentialsExpired));
    let none = world.client_with(HostCredentials::new(world.clock()), world.roots.clone());
    assert_eq!(decrypt_as(&none, &key, &data, GOOD).await, Err(KmsError::NoCredentials));
    assert_eq!(world.kms.calls().len(), count, "neither may be sent");
    let unknown = world.client(temporary("NOBODY", NOW + 3600));
    assert_eq!(decrypt_as(&unknown, &key, &data, GOOD).await, refused(Refusal::UnknownCredentials));
    // The host lies about the expiry; KMS knows better.
    let caller = Caller::role(ACCOUNT, "Enclave", "i-0123456789", &[]);
    world.kms.accept(SimCredential { expires: Some(at(NOW - 1)), ..credential("ENCLAVE", caller) });
    assert_eq!(decrypt_as(&world.enclave(), &key, &data, GOOD).await, refused(Refusal::ExpiredToken));
}

#[tokio::test]
async fn a_replaced_credential_is_never_used_again() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let cell = HostCredentials::new(world.clock());
    cell.set(temporary("NOBODY", NOW + 3600));
    let kms = world.client_with(cell.clone(), world.roots.clone());
    assert_eq!(decrypt_as(&kms, &key, &data, GOOD).await, refused(Refusal::UnknownCredentials));
    cell.set(temporary("ENCLAVE", NOW + 3600));
    assert!(decrypt_as(&kms, &key, &data, GOOD).await.is_ok());
}

#[tokio::test]
async fn a_bad_signature_is_refused() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let (secret, token) = (String::from("another secret"), TOKEN.to_owned());
    let forged = AwsCredentials::temporary("ENCLAVE".into(), secret.into(), token.into(), at(NOW + 3600));
    assert_eq!(decrypt_as(&world.client(forged), &key, &data, GOOD).await, refused(Refusal::Signature));
}

#[tokio::test]
async fn a_clock_that_is_off_is_set_right_for_the_signature_alone() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let before = world.kms.calls().len();
    world.seconds.store(NOW - 600, Ordering::SeqCst);
    // The SDK signs again with the date of the (authenticated) refusal; certificates keep the client's own time.
    assert!(decrypt_as(&world.enclave(), &key, &data, GOOD).await.is_ok());
    let outcomes: Vec<_> = world.kms.calls().split_off(before).iter().map(|c| c.outcome).collect();
    assert_eq!(outcomes, [Err(ErrorKind::InvalidSignature), Ok(())]);
}

#[tokio::test]
async fn every_misdeed_of_the_service_is_refused() {
    let world = World::new().await;
    let ((key, data), enclave) = (world.sealed().await, world.enclave());
    let other = key.as_str().replace(ACCOUNT, "999999999999");
    for (misdeed, answer) in [
        (Misdeed::AnswerPlaintext, BadAnswer::Plaintext),
        (Misdeed::AnswerBoth, BadAnswer::Plaintext),
        (Misdeed::StripRecipient, BadAnswer::NotForRecipient),
        (Misdeed::NameOtherKey(other), BadAnswer::OtherKey),
        (Misdeed::NameOtherKey(String::new()), BadAnswer::OtherKey),
        (Misdeed::Pad(200 * 1024), BadAnswer::Malformed),
    ] {
        world.kms.misbehave(misdeed.clone());
        assert_eq!(decrypt_as(&enclave, &key, &data, GOOD).await, bad(answer), "{misdeed:?}");
    }
    world.kms.misbehave(Misdeed::GarbleRecipient);
    assert_eq!(decrypt_as(&enclave, &key, &data, GOOD).await, bad(BadAnswer::Unopenable));
    // What the client cannot notice, and why weights need a signature of their own.
    world.kms.misbehave(Misdeed::ForgePlaintext(b"forged".to_vec()));
    assert_eq!(decrypt_as(&enclave, &key, &data, GOOD).await, Ok(b"forged".to_vec()));
    let other = key.as_str().replace(ACCOUNT, "999999999999");
    world.kms.misbehave(Misdeed::NameOtherKey(other));
    let generated = world.owner().generate_data_key(&key, &context("m")).await.map(|_| Vec::new());
    assert_eq!(generated, bad(BadAnswer::OtherKey));
}

#[tokio::test]
async fn retries_are_bounded_and_send_the_same_document() {
    let world = World::new().await;
    let ((key, data), enclave) = (world.sealed().await, world.enclave());
    let before = world.kms.calls().len();
    world.kms.misbehave(Misdeed::FailFirst(2));
    assert!(decrypt_as(&enclave, &key, &data, GOOD).await.is_ok());
    let documents: Vec<_> = world.kms.calls().split_off(before).iter().map(|c| c.document).collect();
    assert_eq!(documents.len(), 3);
    assert!(documents[0].is_some() && documents.iter().all(|d| *d == documents[0]));
    world.kms.misbehave(Misdeed::FailFirst(100));
    assert_eq!(decrypt_as(&enclave, &key, &data, GOOD).await, refused(Refusal::Internal));
    assert_eq!(world.kms.calls().len(), before + 6);
}

#[tokio::test]
async fn tls_demands_the_pinned_root_the_host_name_and_a_valid_time() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    let cell = HostCredentials::new(world.clock());
    cell.set(temporary("ENCLAVE", NOW + 3600));
    let stranger = TlsCa::generate(now()).unwrap();
    let other_roots = TlsRoots::from_der([stranger.root_der().to_vec()]).unwrap();
    let kms = world.client_with(cell, other_roots);
    assert_eq!(decrypt_as(&kms, &key, &data, GOOD).await, Err(KmsError::Tls));
    let elsewhere = World::start("kms.us-east-1.amazonaws.com", config(None)).await;
    assert_eq!(decrypt_as(&elsewhere.enclave(), &key, &data, GOOD).await, Err(KmsError::Tls));
    // By the client's own clock, the certificates have ended or not begun.
    for seconds in [NOW + 11 * 365 * 86_400, NOW - 2 * 86_400] {
        world.seconds.store(seconds, Ordering::SeqCst);
        let kms = world.client(temporary("ENCLAVE", seconds + 3600));
        assert_eq!(decrypt_as(&kms, &key, &data, GOOD).await, Err(KmsError::Tls));
    }
    assert!(TlsRoots::from_der([]).is_err() && TlsRoots::from_pem(b"").is_err());
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let mut world = World::new().await;
    let (key, data) = world.sealed().await;
    // Bound for a moment only, so that nothing listens there.
    world.address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(decrypt_as(&world.enclave(), &key, &data, GOOD).await, Err(KmsError::Unreachable));
}

mod raw {
    //! Operations that Strongroom's client does not offer, through the bare service.

    use super::*;
    use strongroom_sim::kms::service::Answer;

    /// Signs a request as the SDK would and gives it to the service without a network.
    pub(super) fn call(kms: &SimKms, id: &str, operation: &str, body: serde_json::Value) -> Answer {
        let host = format!("kms.{REGION}.amazonaws.com");
        let date = strongroom_sim::kms::date::to_amz(NOW);
        let target = format!("TrentService.{operation}");
        let is_role = id != "OWNER";
        let mut signed = vec![("host", host.as_str()), ("x-amz-date", date.as_str())];
        if is_role {
            signed.push(("x-amz-security-token", TOKEN));
        }
        signed.push(("x-amz-target", target.as_str()));
        let body = body.to_string();
        let authorization = sign(id, &date, &signed, body.as_bytes());
        let mut request = http::Request::post("/").header("authorization", authorization);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        kms.answer(&request.body(()).unwrap().into_parts().0, body.as_bytes())
    }

    fn sign(id: &str, date: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let sha = |bytes: &[u8]| hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes));
        let mac = |key: &[u8], text: &str| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
            ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        };
        let names: Vec<&str> = headers.iter().map(|(n, _)| *n).collect();
        let list: String = headers.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        let canonical = format!("POST\n/\n\n{list}\n{}\n{}", names.join(";"), sha(body));
        let scope = format!("{}/{REGION}/kms/aws4_request", &date[..8]);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha(canonical.as_bytes()));
        let secret = format!("AWS4secret of {id}").into_bytes();
        let key = scope.split('/').fold(secret, |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &text));
        let names = names.join(";");
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    pub(super) fn json(answer: &Answer) -> serde_json::Value {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// A key whose policy delegates to IAM, as KMS makes it by default.
    pub(super) fn key(kms: &SimKms) -> String {
        let answer = json(&call(kms, "OWNER", "CreateKey", json!({})));
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }
}

fn error(answer: &strongroom_sim::kms::service::Answer) -> String {
    raw::json(answer)["__type"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_disabled_key_is_of_no_use_until_it_is_enabled() {
    let kms = SimKms::open(config(None)).unwrap();
    let key = raw::key(&kms);
    let encrypt = || raw::call(&kms, "OWNER", "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"}));
    assert_eq!(encrypt().status, 200);
    assert_eq!(raw::call(&kms, "OWNER", "DisableKey", json!({"KeyId": key})).body, b"");
    let answer = encrypt();
    assert_eq!((answer.status, error(&answer).as_str()), (400, "DisabledException"));
    assert_eq!(raw::json(&answer)["message"], format!("{key} is disabled."));
    assert_eq!(raw::call(&kms, "OWNER", "EnableKey", json!({"KeyId": key})).status, 200);
    assert_eq!(encrypt().status, 200);
}

#[tokio::test]
async fn the_client_sees_a_disabled_key() {
    let world = World::new().await;
    let (key, data) = world.sealed().await;
    raw::call(&world.kms, "OWNER", "DisableKey", json!({"KeyId": key.as_str()}));
    assert_eq!(decrypt_as(&world.enclave(), &key, &data, GOOD).await, refused(Refusal::Disabled));
    assert_eq!(world.owner().describe_key(&key).await.unwrap().state, KeyState::Disabled);
}

#[test]
fn encrypt_and_decrypt_without_a_recipient() {
    let kms = SimKms::open(config(None)).unwrap();
    let (key, context) = (raw::key(&kms), json!({"a": "1"}));
    let request = json!({"KeyId": key, "Plaintext": "AAAA", "EncryptionContext": context});
    let blob = raw::json(&raw::call(&kms, "OWNER", "Encrypt", request))["CiphertextBlob"].clone();
    let decrypt = |context: serde_json::Value| {
        raw::call(&kms, "ENCLAVE", "Decrypt", json!({"CiphertextBlob": blob, "EncryptionContext": context}))
    };
    let answer = raw::json(&decrypt(context));
    assert_eq!((&answer["Plaintext"], &answer["KeyId"]), (&json!("AAAA"), &json!(key)));
    let wrong = decrypt(json!({"a": "2"}));
    assert_eq!((wrong.status, raw::json(&wrong)), (400, json!({"__type": "InvalidCiphertextException"})));
}

#[test]
fn grants_work_and_the_generated_policy_stops_them() {
    let kms = SimKms::open(config(None)).unwrap();
    let key = raw::key(&kms);
    let grantee = format!("arn:aws:iam::{ACCOUNT}:role/Enclave");
    let generate =
        || raw::call(&kms, "ENCLAVE", "GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"}));
    assert_eq!(error(&generate()), "AccessDeniedException");
    let message = raw::json(&generate())["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("because no resource-based policy allows the kms:GenerateDataKey action"));
    let grant = json!({"KeyId": key, "GranteePrincipal": grantee, "Operations": ["GenerateDataKey"]});
    assert_eq!(raw::call(&kms, "OWNER", "CreateGrant", grant.clone()).status, 200);
    assert_eq!(generate().status, 200);
    let listed = raw::json(&raw::call(&kms, "OWNER", "ListGrants", json!({"KeyId": key})));
    assert_eq!(listed["Grants"][0]["GranteePrincipal"], grantee);
    let put = json!({"KeyId": key, "PolicyName": "default", "Policy": pinned().as_str()});
    assert_eq!(raw::call(&kms, "OWNER", "PutKeyPolicy", put).status, 200);
    let denied = raw::call(&kms, "OWNER", "CreateGrant", grant);
    let message = raw::json(&denied)["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");
}

#[test]
fn a_policy_that_locks_its_author_out_is_refused() {
    let kms = SimKms::open(config(None)).unwrap();
    let key = raw::key(&kms);
    let put = |extra: bool| {
        let policy = json!({"Version": "2012-10-17", "Statement": []}).to_string();
        let request = json!({"KeyId": key, "Policy": policy, "BypassPolicyLockoutSafetyCheck": extra});
        raw::call(&kms, "OWNER", "PutKeyPolicy", request)
    };
    assert_eq!(error(&put(false)), "MalformedPolicyDocumentException");
    assert_eq!(put(true).status, 200);
    assert_eq!(
        error(&raw::call(&kms, "OWNER", "DescribeKey", json!({"KeyId": key}))),
        "AccessDeniedException"
    );
}

#[test]
fn unknown_operations_fields_and_callers_are_errors() {
    let kms = SimKms::open(config(None)).unwrap();
    let key = raw::key(&kms);
    for (id, operation, body, expected) in [
        ("OWNER", "Verify", json!({}), "UnknownOperationException"),
        (
            "OWNER",
            "Sign",
            json!({"KeyId": key, "Message": "AAAA", "SigningAlgorithm": "ECDSA_SHA_384"}),
            "ValidationException",
        ),
        ("OWNER", "DescribeKey", json!({"KeyId": key, "DryRun": true}), "SerializationException"),
        ("OWNER", "DescribeKey", json!({"KeyId": "alias/model"}), "NotFoundException"),
        ("OWNER", "GenerateDataKey", json!({"KeyId": key}), "ValidationException"),
        ("OWNER", "Decrypt", json!({"CiphertextBlob": "AAAA"}), "InvalidCiphertextException"),
        ("OWNER", "Encrypt", json!({"KeyId": key, "Plaintext": "?"}), "SerializationException"),
        ("ENCLAVE", "CreateKey", json!({}), "AccessDeniedException"),
        ("NOBODY", "DescribeKey", json!({"KeyId": key}), "UnrecognizedClientException"),
    ] {
        let answer = raw::call(&kms, id, operation, body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, expected), "{operation}");
    }
    let outcomes: Vec<_> = kms.calls().iter().map(|c| c.outcome).collect();
    assert!(outcomes.contains(&Err(ErrorKind::UnknownOperation)));
}

#[test]
fn keys_outlive_the_process_in_their_directory() {
    let directory = tempfile::tempdir().unwrap();
    let open = || SimKms::open(config(Some(directory.path().to_owned()))).unwrap();
    let first = open();
    let key = raw::key(&first);
    let blob = raw::call(&first, "OWNER", "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"}));
    let blob = raw::json(&blob)["CiphertextBlob"].clone();
    drop(first);
    let answer = raw::call(&open(), "ENCLAVE", "Decrypt", json!({"CiphertextBlob": blob}));
    assert_eq!(raw::json(&answer)["Plaintext"], "AAAA");
}

#[test]
fn a_data_key_for_a_recipient_has_no_plaintext() {
    let kms = SimKms::open(config(None)).unwrap();
    let (key, recipient) = (raw::key(&kms), RecipientKey::generate().unwrap());
    let document = base64(&document(1, 2, recipient.spki_der()));
    let info = json!({"AttestationDocument": document, "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    let request = json!({"KeyId": key, "NumberOfBytes": 64, "Recipient": info});
    let answer = raw::json(&raw::call(&kms, "OWNER", "GenerateDataKey", request));
    assert_eq!(answer["Plaintext"], "");
    let sealed = unbase64(answer["CiphertextForRecipient"].as_str().unwrap());
    assert_eq!(recipient.open(&sealed).unwrap().len(), 64);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn answers_have_the_lengths_and_constant_bytes_of_real_ones() {
    let recipient = RecipientKey::generate().unwrap();
    // Lengths measured on real answers: plaintext bytes, answer bytes.
    for (plaintext, answer) in [(12, 461), (32, 493), (154, 606), (4096, 4573)] {
        let sealed = cms::seal(recipient.spki_der(), vec![7; plaintext]).unwrap();
        assert_eq!(sealed.len(), answer);
        assert_eq!(recipient.open(&sealed).unwrap().as_slice(), vec![7; plaintext]);
    }
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/kms"));
    let Ok(real) = std::fs::read(folder.join("edgebit_cfr.ber")) else {
        eprintln!("SKIPPED: comparison with a real answer: the folder of published KMS answers is absent");
        return;
    };
    let sealed = cms::seal(recipient.spki_der(), vec![7; 32]).unwrap();
    // All but subject key identifier, wrapped key, IV and content is the same in every answer of this size.
    for constant in [0..33, 65..131, 387..415, 431..435, 483..493] {
        assert_eq!(sealed[constant.clone()], real[constant.clone()], "{constant:?}");
    }
}

#[test]
fn openssl_opens_the_answers() {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let spki: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
    let pkcs8: Pkcs8V1Der<'_> = private.as_der().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("key.der");
    std::fs::write(&key_file, pkcs8.as_ref()).unwrap();
    for length in [12, 32, 1000, 4096] {
        let plaintext = vec![length as u8; length];
        let sealed = cms::seal(spki.as_ref(), plaintext.clone()).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["cms", "-decrypt", "-inform", "DER", "-binary", "-keyform", "DER", "-inkey"]);
        openssl.arg(&key_file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = openssl.spawn() else {
            eprintln!("SKIPPED: openssl is not installed; nobody else has read the simulator's answers");
            return;
        };
        child.stdin.take().unwrap().write_all(&sealed).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, plaintext);
    }
}

#[test]
fn real_documents_are_judged_by_the_real_verifier() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/attestation");
    let folder = std::path::Path::new(folder);
    let Ok(document) = std::fs::read(folder.join("marlin_aws_pcr16.bin")) else {
        eprintln!("SKIPPED: real attestation documents: their folder is absent");
        return;
    };
    let judge = recipient::attested_by(TrustRoot::aws_nitro_g1(), recipient::ASSUMED_MAX_AGE);
    let made = UNIX_EPOCH + Duration::from_millis(1_745_922_759_691);
    let facts = judge(&document, made).unwrap();
    assert_eq!(facts.pcrs.len(), 17);
    assert!(hex::encode(&facts.pcrs[&0]).starts_with("2984ab215649"));
    assert!(hex::encode(&facts.pcrs[&16]).starts_with("30e84b2d7eef"));
    assert_eq!(facts.public_key.unwrap().len(), 32);
    assert_eq!(judge(&document, made + Duration::from_secs(301)), Err(BadDocument));
    assert_eq!(judge(&document[1..], made), Err(BadDocument));
}

/// Boots a pretended enclave whose charter is in PCR16.
fn boot(pki: &Arc<NitroPki>, executable: &[u8], charter: &[u8], debug: bool) -> SimNsm {
    let identity =
        SimIdentity { executable, role: "arn:aws:iam::111122223333:role/Enclave", instance: "i-0", debug };
    let nsm = SimNsm::new(Arc::clone(pki), identity, Duration::ZERO, Arc::new(now)).unwrap();
    nsm.extend(PcrIndex::CHARTER, charter).unwrap();
    nsm.lock(PcrIndex::CHARTER).unwrap();
    nsm
}

#[tokio::test]
async fn only_the_pinned_enclave_gets_the_key_with_real_documents() {
    let pki = Arc::new(NitroPki::generate(now()).unwrap());
    let root = TrustRoot::from_der(pki.root_der()).unwrap();
    let verifier = recipient::attested_by(root, recipient::ASSUMED_MAX_AGE);
    let host = format!("kms.{REGION}.amazonaws.com");
    let world = World::start(&host, SimKmsConfig { verifier, ..config(None) }).await;
    let (key, data) = world.sealed().await;
    let enclave = boot(&pki, b"enclave", b"charter", false);
    let pcr = |index| PinnedPcr::new(*enclave.describe_pcr(index).unwrap().value.as_bytes()).unwrap();
    let pin = Pin { image: pcr(PcrIndex::IMAGE), charter: pcr(PcrIndex::CHARTER) };
    world.owner().put_key_policy(&key, &key_policy(&principals(), &[pin]).unwrap()).await.unwrap();
    let kms = world.enclave();
    let attempt = async |nsm: SimNsm| {
        let recipient = RecipientKey::generate().unwrap();
        let request = DocumentRequest::new().with_public_key(recipient.spki_der().to_vec()).unwrap();
        let document = nsm.attest(&request).unwrap();
        let context = context("m");
        let call =
            AttestedDecrypt { key: &key, wrapped: &data.wrapped, context: &context, document, recipient };
        kms.decrypt(call).await.map(|p| p.to_vec())
    };
    let stranger = Arc::new(NitroPki::generate(now()).unwrap());
    assert_eq!(attempt(boot(&pki, b"changed", b"charter", false)).await, refused(Refusal::AccessDenied));
    assert_eq!(attempt(boot(&pki, b"enclave", b"changed", false)).await, refused(Refusal::AccessDenied));
    assert_eq!(attempt(boot(&pki, b"enclave", b"charter", true)).await, refused(Refusal::AccessDenied));
    assert_eq!(attempt(boot(&stranger, b"enclave", b"charter", false)).await, refused(Refusal::Validation));
    assert_eq!(attempt(enclave).await.unwrap(), data.plaintext.as_slice());
}
