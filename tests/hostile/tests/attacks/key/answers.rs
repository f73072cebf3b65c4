//! What KMS answers, or somebody in its place who holds its certificate.

use std::fs;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use strongroom_attestation::Statement;
use strongroom_hostile::{Found, Scene, SceneOptions};
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::ModelDigest;
use strongroom_seal::label;
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::Header;
use strongroom_seal::signed::dangerous_unverified_payload;
use strongroom_sim::kms::{Misdeed, cms};
use strongroom_sim::world::{ACCOUNT, Ground, Owner, bundled_folder};

use super::far::{Answers, Far, ask, base64, json, response, unbase64};
use super::{refused, refused_for_a_while, said};

/// A KMS that does this.
async fn misbehaves(misdeed: Misdeed) -> Found {
    refused(SceneOptions::default(), async move |ground: &Ground, _: &Owner| {
        ground.kms.misbehave(misdeed);
        Ok(())
    })
    .await
}

/// A KMS that does this, and is honest afterwards.
async fn misbehaves_for_a_while(misdeed: Misdeed) -> Found {
    let (scene, said) = said(SceneOptions::default(), async move |ground: &Ground, _: &Owner| {
        ground.kms.misbehave(misdeed);
        Ok(())
    })
    .await;
    scene.ground.kms.misbehave(Misdeed::None);
    refused_for_a_while(scene, said).await
}

/// A far end with a true certificate that answers this for a while.
async fn answers_for_a_while(answers: Answers) -> Found {
    let (far, options) = Far::scene().await;
    let (scene, said) = said(options, async move |ground: &Ground, _: &Owner| {
        far.serve_truly(ground, answers);
        Ok(())
    })
    .await;
    refused_for_a_while(scene, said).await
}

pub(super) async fn a_plaintext_answer() -> Found {
    misbehaves(Misdeed::AnswerPlaintext).await
}

pub(super) async fn a_plaintext_beside_the_answer() -> Found {
    misbehaves(Misdeed::AnswerBoth).await
}

pub(super) async fn an_answer_of_another_key() -> Found {
    let other = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000");
    misbehaves(Misdeed::NameOtherKey(other)).await
}

pub(super) async fn a_huge_answer() -> Found {
    misbehaves(Misdeed::Pad(1024 * 1024)).await
}

pub(super) async fn an_answer_without_a_key() -> Found {
    misbehaves_for_a_while(Misdeed::StripRecipient).await
}

pub(super) async fn a_garbled_answer() -> Found {
    misbehaves_for_a_while(Misdeed::GarbleRecipient).await
}

pub(super) async fn an_answer_that_fails() -> Found {
    misbehaves_for_a_while(Misdeed::FailFirst(u32::MAX)).await
}

pub(super) async fn a_truncated_answer() -> Found {
    answers_for_a_while(Arc::new(|kms, request| {
        let mut answer = ask(kms, request);
        answer.truncate(answer.len() / 2);
        Some(answer)
    }))
    .await
}

pub(super) async fn a_redirecting_answer() -> Found {
    let redirect =
        "HTTP/1.1 307 Elsewhere\r\nlocation: https://kms.example.com/\r\ncontent-length: 0\r\n\r\n";
    answers_for_a_while(Arc::new(move |_, _| Some(redirect.as_bytes().to_vec()))).await
}

pub(super) async fn an_answer_that_never_comes() -> Found {
    let (far, options) = Far::scene().await;
    let scene = Scene::set_with(options, async move |ground: &Ground, _: &Owner| {
        far.serve_truly(ground, Arc::new(|_, _| None));
        Ok(())
    });
    let scene = scene.await.unwrap();
    match scene.refusal().await {
        Ok(said) => refused_for_a_while(scene, said).await,
        // An enclave that says nothing waits for ever, which is what this is after.
        Err(_) => scene.found(Found::SUCCEEDED),
    }
}

const CHOSEN: [u8; 32] = [7; 32];

/// Whoever knows the public key of the recipient can seal a key to it. The package is sealed anew under that key, with
/// other weights of the same length.
pub(super) async fn a_chosen_key_for_chosen_weights() -> Found {
    let (far, options) = Far::scene().await;
    refused(options, async move |ground: &Ground, owner: &Owner| {
        forge(&owner.package(&"fraud@1".parse::<PackageId>().unwrap()));
        far.serve_truly(ground, Arc::new(|kms, request| Some(chosen(ask(kms, request), request))));
        Ok(())
    })
    .await
}

/// The answer to a request for a model's key, with the chosen one in its place.
fn chosen(answer: Vec<u8>, request: &[u8]) -> Vec<u8> {
    let (asked, mut answered) = (json(request), json(&answer));
    if asked["EncryptionContext"]["strongroom:model"].is_null() {
        return answer;
    }
    let document = unbase64(&asked["Recipient"]["AttestationDocument"]);
    let document = Statement::peek_unverified(&document).unwrap();
    let sealed = cms::seal(document.public_key().unwrap(), CHOSEN.to_vec()).unwrap();
    answered["CiphertextForRecipient"] = base64(&sealed).into();
    response(200, answered.to_string().as_bytes())
}

fn forge(path: &std::path::Path) {
    let mut package = fs::read(path).unwrap();
    let (header, chunks) = Header::split(&package).unwrap();
    let manifest =
        dangerous_unverified_payload(label::MODEL_MANIFEST, &header.manifest, DOCUMENT_CBOR).unwrap();
    let (at, digest) = (package.len() - chunks.len(), ModelDigest::of(&manifest));
    let mut weights = fs::read(bundled_folder().unwrap().join("fraud.onnx")).unwrap();
    // Among the numbers of a layer: the model stays one, and is another.
    let middle = weights.len() / 2;
    weights[middle] ^= 1;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &CHOSEN).unwrap());
    // The only chunk is the first and the last.
    let nonce = Nonce::assume_unique_for_key([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    key.seal_in_place_append_tag(nonce, Aad::from(digest.as_bytes()), &mut weights).unwrap();
    assert_eq!(chunks.len(), weights.len(), "one chunk");
    package.truncate(at);
    package.extend_from_slice(&weights);
    fs::write(path, package).unwrap();
}
