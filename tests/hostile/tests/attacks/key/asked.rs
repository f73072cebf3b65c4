//! What the host asks of KMS itself, with its own credentials and with what it could capture.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::http::Request;
use ring::{digest, hmac};
use serde_json::{Value, json};
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::{DocumentRequest, Nsm, PcrIndex, Statement};
use strongroom_hostile::{Found, Scene};
use strongroom_kms::RecipientKey;
use strongroom_seal::package::Header;
use strongroom_sim::kms::date::to_amz;
use strongroom_sim::nsm::{SimIdentity, SimNsm, system_clock};
use strongroom_sim::pki::NitroPki;
use strongroom_sim::world::{Ground, Owner};

use super::far::{Far, KMS_HOST, ask, base64, json as body_of, unbase64};
use super::said;

/// What the host got: a data key in the clear, one that its own recipient key opens, or how it was refused.
fn got(answer: &Value, own: &RecipientKey) -> String {
    if let Some(kind) = answer["__type"].as_str() {
        return kind.to_owned();
    }
    if answer["Plaintext"].as_str().is_some_and(|text| !text.is_empty()) {
        return Found::SUCCEEDED.to_owned();
    }
    let opened = own.open(&unbase64(&answer["CiphertextForRecipient"]));
    opened.map_or_else(|error| error.to_string(), |_| Found::SUCCEEDED.to_owned())
}

/// Asks KMS with the host's credentials.
fn with_own_credentials(scene: &Scene, body: &Value) -> Value {
    let own = fs::read(scene.ground.layout.host_credentials()).unwrap();
    let own: Value = serde_json::from_slice(&own).unwrap();
    let text = |field: &str| own[field].as_str().unwrap().to_owned();
    let (id, secret, token) = (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"));
    let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let date = to_amz(seconds);
    let headers = [
        ("host", KMS_HOST),
        ("x-amz-date", date.as_str()),
        ("x-amz-security-token", token.as_str()),
        ("x-amz-target", "TrentService.Decrypt"),
    ];
    let body = body.to_string();
    let (names, signature, scope) = signature(&headers, &date, &secret, body.as_bytes());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    let request = Request::post("/").header("authorization", authorization);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = scene.ground.kms.answer(&request.body(()).unwrap().into_parts().0, body.as_bytes());
    scene.tape().record(&answer.body);
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Signature version 4: the signed names, the signature and its scope.
fn signature(headers: &[(&str, &str)], date: &str, secret: &str, body: &[u8]) -> (String, String, String) {
    let sha = |bytes: &[u8]| hex::encode(digest::digest(&digest::SHA256, bytes));
    let mac = |key: Vec<u8>, text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()).as_ref().to_vec()
    };
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let list: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = names.join(";");
    let canonical = format!("POST\n/\n\n{list}\n{names}\n{}", sha(body));
    let scope = format!("{}/eu-central-1/kms/aws4_request", &date[..8]);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha(canonical.as_bytes()));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), mac);
    (names, hex::encode(mac(key, &text)), scope)
}

/// A scene that serves, and the last request for a key in it, as somebody at the end of its TLS sees it.
async fn captured() -> (Scene, Vec<u8>) {
    let (far, options) = Far::scene().await;
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let seeing = Arc::clone(&seen);
    let (scene, said) = said(options, async move |ground: &Ground, _: &Owner| {
        far.serve_truly(
            ground,
            Arc::new(move |kms, request| {
                request.clone_into(&mut seeing.lock().unwrap());
                Some(ask(kms, request))
            }),
        );
        Ok(())
    })
    .await;
    assert_eq!(said, Found::SUCCEEDED, "nothing is wrong yet");
    let request = seen.lock().unwrap().clone();
    (scene, request)
}

pub(super) async fn a_captured_request() -> Found {
    let (scene, request) = captured().await;
    let answer = ask(&scene.ground.kms, &request);
    scene.tape().record(&answer);
    scene.found(got(&body_of(&answer), &RecipientKey::generate().unwrap()))
}

pub(super) async fn a_stripped_request() -> Found {
    let (scene, request) = captured().await;
    let mut body = body_of(&request);
    body.as_object_mut().unwrap().remove("Recipient");
    let answer = with_own_credentials(&scene, &body);
    scene.found(got(&answer, &RecipientKey::generate().unwrap()))
}

pub(super) async fn a_captured_document_with_another_key() -> Found {
    let (scene, request) = captured().await;
    let mut body = body_of(&request);
    let own = RecipientKey::generate().unwrap();
    let mut document = unbase64(&body["Recipient"]["AttestationDocument"]);
    let theirs = Statement::peek_unverified(&document).unwrap();
    // Without a recipient there is no document to put it in.
    if let Some(theirs) = theirs.public_key() {
        let at = document.windows(theirs.len()).position(|window| window == theirs).unwrap();
        document[at..at + theirs.len()].copy_from_slice(own.spki_der());
    }
    body["Recipient"]["AttestationDocument"] = base64(&document).into();
    let answer = with_own_credentials(&scene, &body);
    scene.found(got(&answer, &own))
}

/// Whether KMS released a key, to whomever, or how it refused.
fn released(answer: &Value) -> String {
    let kind = answer["__type"].as_str();
    kind.unwrap_or(Found::SUCCEEDED).to_owned()
}

/// The document is the enclave's own and still good; the host signs what it likes around it.
pub(super) async fn a_captured_request_under_another_context() -> Found {
    let (scene, request) = captured().await;
    let mut body = body_of(&request);
    assert_eq!(released(&with_own_credentials(&scene, &body)), Found::SUCCEEDED, "as it was captured");
    body["EncryptionContext"]["strongroom:version"] = "2".into();
    scene.found(released(&with_own_credentials(&scene, &body)))
}

pub(super) async fn a_captured_request_with_another_packages_context() -> Found {
    let (scene, request) = captured().await;
    let calls = scene.ground.kms.calls();
    let private = calls.iter().find(|call| call.context.contains_key("strongroom:private-epoch")).unwrap();
    let mut body = body_of(&request);
    body["EncryptionContext"] = json!(private.context);
    scene.found(released(&with_own_credentials(&scene, &body)))
}

/// What holds KMS's certificate sees the request, and may change it, but not sign it: the credentials' secret stays inside.
pub(super) async fn a_context_changed_on_the_way() -> Found {
    let (far, options) = Far::scene().await;
    super::refused(options, async move |ground: &Ground, _: &Owner| {
        far.serve_truly(
            ground,
            Arc::new(|kms, request| {
                let (own, other) = (b"\"strongroom:version\":\"1\"", b"\"strongroom:version\":\"2\"");
                let mut request = request.to_vec();
                if let Some(at) = request.windows(own.len()).position(|window| window == own) {
                    request[at..at + other.len()].copy_from_slice(other);
                }
                Some(ask(kms, &request))
            }),
        );
        Ok(())
    })
    .await
}

/// What anybody can read of the sealed model: the wrapped key, and what it is bound to.
fn wanted(scene: &Scene) -> Value {
    let package = fs::read(scene.owner.package(&"fraud@1".parse().unwrap())).unwrap();
    let (header, _) = Header::split(&package).unwrap();
    let calls = scene.ground.kms.calls();
    let call = calls.iter().find(|call| call.context.contains_key("strongroom:model")).unwrap();
    json!({
        "KeyId": header.key_arn,
        "CiphertextBlob": base64(&header.wrapped_key),
        "EncryptionContext": call.context,
    })
}

pub(super) async fn a_request_without_a_recipient() -> Found {
    let scene = Scene::serving().await.unwrap();
    let answer = with_own_credentials(&scene, &wanted(&scene));
    scene.found(got(&answer, &RecipientKey::generate().unwrap()))
}

/// The same image and the same charter, on a machine that is no enclave.
pub(super) async fn a_document_of_the_hosts_own() -> Found {
    let scene = Scene::serving().await.unwrap();
    let image = fs::read(scene.binaries.path("strongroom-sim-enclave")).unwrap();
    let charter = fs::read(scene.ground.layout.store().join("charter.cose")).unwrap();
    let identity = SimIdentity { executable: &image, role: "host", instance: "i-0", debug: false };
    let pki = Arc::new(NitroPki::generate(scene.now()).unwrap());
    let nsm = SimNsm::new(pki, identity, std::time::Duration::ZERO, system_clock()).unwrap();
    nsm.extend(PcrIndex::CHARTER, SignedCharter::open(&charter).unwrap().digest().as_bytes()).unwrap();
    // A document lists the registers above 15 that are locked.
    nsm.lock(PcrIndex::CHARTER).unwrap();
    let own = RecipientKey::generate().unwrap();
    let request = DocumentRequest::new().with_public_key(own.spki_der().to_vec()).unwrap();
    let mut body = wanted(&scene);
    body["Recipient"] = json!({
        "AttestationDocument": base64(&nsm.attest(&request).unwrap()),
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    });
    let answer = with_own_credentials(&scene, &body);
    scene.found(got(&answer, &own))
}
