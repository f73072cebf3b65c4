//! What a client refuses before it sends a byte, each with the exit code of its reason.

use std::sync::{Arc, Mutex};

use strongroom_attestation::claims::Claims;
use strongroom_attestation::error::{FailureClass, VerifyError};
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, EvidenceError, ModelDemand, Trust};
use strongroom_attestation::release::ReleasedModel;
use strongroom_attestation::{TrustRoot, UnixMillis};
use strongroom_e2e::{Stage, StageOptions, now};
use strongroom_proto::hello::Evidence;
use strongroom_seal::digest::{CharterDigest, ControlsDigest, ModelDigest};
use strongroom_sim::intercept::{Meddle, Passing};
use strongroom_sim::pki::NitroPki;
use strongroom_sim::world::{Output, READY};

/// `strongroom verify` against a host that rewrites evidence.
async fn verify_through(meddle: Meddle) -> Output {
    let stage = Stage::set(StageOptions { meddle: Some(meddle), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage.command("verify", &[]).await.unwrap()
}

/// A host that rewrites evidence as `change` says.
fn rewriting(change: impl Fn(&mut Evidence) + Send + Sync + 'static) -> Meddle {
    Arc::new(move |passing: Passing<'_>| {
        let Some((code, payload)) = passing.body.split_first() else { return };
        if passing.inbound {
            return;
        }
        let Ok(mut evidence) = Evidence::decode(payload) else { return };
        change(&mut evidence);
        *passing.body = [&[*code], evidence.encode().unwrap().as_slice()].concat();
    })
}

#[tokio::test]
async fn changed_claims_are_a_broken_binding() {
    let meddle = rewriting(|evidence| {
        let mut claims = Claims::decode(&evidence.claims).unwrap();
        claims.epoch += 1;
        evidence.claims = claims.encode().unwrap();
    });
    assert_eq!(verify_through(meddle).await.code, 14);
}

#[tokio::test]
async fn a_changed_channel_key_is_a_broken_binding() {
    let meddle = rewriting(|evidence| {
        let mut claims = Claims::decode(&evidence.claims).unwrap();
        claims.channel_key[0] ^= 1;
        evidence.claims = claims.encode().unwrap();
    });
    let output = verify_through(meddle).await;
    assert_eq!(output.code, 14);
    assert!(output.stdout.contains("FAIL user-data"), "{}", output.stdout);
}

#[tokio::test]
async fn evidence_made_for_another_nonce_is_stale() {
    let earlier: Mutex<Option<Evidence>> = Mutex::new(None);
    let meddle = rewriting(move |evidence| {
        // The first evidence is kept and given to everyone after.
        let mut earlier = earlier.lock().unwrap();
        match earlier.as_ref() {
            Some(earlier) => *evidence = earlier.clone(),
            None => *earlier = Some(evidence.clone()),
        }
    });
    let stage = Stage::set(StageOptions { meddle: Some(meddle), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    assert_eq!(stage.command("verify", &[]).await.unwrap().code, 0);
    let output = stage.command("verify", &[]).await.unwrap();
    assert_eq!(output.code, 12);
    assert!(output.stdout.contains("FAIL offer"), "{}", output.stdout);
}

#[tokio::test]
async fn an_altered_list_of_offers_is_another_nonce() {
    let output = verify_through(rewriting(|evidence| evidence.offers.extend([0; 48]))).await;
    assert_eq!(output.code, 12);
    assert!(output.stdout.contains("FAIL nonce"), "{}", output.stdout);
}

#[tokio::test]
async fn a_charter_or_controls_that_are_not_the_attested_ones_are_refused() {
    let output = verify_through(rewriting(|evidence| evidence.charter[20] ^= 1)).await;
    assert_eq!(output.code, 11, "{}", output.stdout);
    let output = verify_through(rewriting(|evidence| evidence.controls[5] ^= 1)).await;
    assert_eq!(output.code, 14, "{}", output.stdout);
    let output = verify_through(rewriting(|evidence| evidence.release[20] ^= 1)).await;
    assert_eq!(output.code, 14, "{}", output.stdout);
}

#[tokio::test]
async fn what_is_no_evidence_is_malformed() {
    let meddle: Meddle = Arc::new(|passing: Passing<'_>| {
        if !passing.inbound && passing.body.len() > 1024 {
            passing.body.truncate(500);
        }
    });
    assert_eq!(verify_through(meddle).await.code, 10);
}

/// The rest is judged in this process, with demands of every kind against one genuine evidence.
#[tokio::test]
async fn demands_that_are_not_met_are_refused_by_their_class() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let (nonce, reply) = client.hello().await;
    let verified = client.judge(nonce, &reply.body).unwrap();
    let image = verified.attested().image().unwrap();
    let charter = CharterDemand::Exactly(verified.charter().digest());
    let trust = |image, charter, models, controls| {
        Trust::new(vec![image], charter, models, controls, std::time::Duration::from_secs(300)).unwrap()
    };
    let judge = |trust: Trust| {
        strongroom_attestation::evidence::judge(
            strongroom_attestation::evidence::Received { evidence: &reply.body, nonce, now: now() },
            &stage.root().unwrap(),
            &trust,
        )
        .1
    };
    let any = || (ModelDemand::OwnerMayChange, ControlsDemand::OwnerDecides);

    let mut other_image = image;
    other_image.pcr2 = other_image.pcr2.extend(b"another");
    let refused = judge(trust(other_image, charter.clone(), any().0, any().1)).unwrap_err();
    assert!(matches!(refused, EvidenceError::Document(VerifyError::Pcr(_))), "{refused}");

    let other = CharterDemand::Exactly(CharterDigest::of(b"another"));
    assert_eq!(judge(trust(image, other, any().0, any().1)).unwrap_err(), EvidenceError::OtherCharter);

    let signed = CharterDemand::SignedBy(verified.charter().charter().keys.clone());
    assert!(judge(trust(image, signed, any().0, any().1)).is_ok());
    let (stranger, _) = strongroom_seal::key::SigningKey::generate(
        strongroom_seal::key::Algorithm::Es384,
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    let stranger = CharterDemand::SignedBy(vec![stranger.public().clone()]);
    assert_eq!(judge(trust(image, stranger, any().0, any().1)).unwrap_err(), EvidenceError::CharterSigner);

    let loaded = verified.claims().models[0].clone();
    let demanded = ModelDemand::Exactly(vec![loaded.clone()]);
    assert!(judge(trust(image, charter.clone(), demanded, any().1)).is_ok());
    let other = ReleasedModel { digest: ModelDigest::of(b"another"), ..loaded };
    let other = ModelDemand::Exactly(vec![other]);
    assert_eq!(judge(trust(image, charter.clone(), other, any().1)).unwrap_err(), EvidenceError::OtherModel);

    let controls = ControlsDemand::Exactly(verified.claims().controls);
    assert!(judge(trust(image, charter.clone(), any().0, controls)).is_ok());
    let controls = ControlsDemand::Exactly(ControlsDigest::of(b"another"));
    let refused = judge(trust(image, charter, any().0, controls)).unwrap_err();
    assert_eq!(refused, EvidenceError::OtherControls);
}

#[tokio::test]
async fn stale_evidence_and_another_root_are_refused() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let (nonce, reply) = client.hello().await;
    let class_at = |at: UnixMillis| match client.judge_at(nonce, &reply.body, at).1 {
        Err(EvidenceError::Document(error)) => Some(error.class()),
        _ => None,
    };
    let minutes = |n: u64| std::time::Duration::from_secs(60 * n);
    assert_eq!(class_at(now().plus(minutes(6))), Some(FailureClass::Time));
    assert_eq!(class_at(now().plus(minutes(60 * 24 * 365 * 20))), Some(FailureClass::ChainOrSignature));
    let foreign = NitroPki::generate(now()).unwrap();
    for root in [TrustRoot::from_der(foreign.root_der()).unwrap(), TrustRoot::aws_nitro_g1()] {
        let received =
            strongroom_attestation::evidence::Received { evidence: &reply.body, nonce, now: now() };
        let refused =
            strongroom_attestation::evidence::judge(received, &root, &stage.trust().unwrap()).1.unwrap_err();
        let EvidenceError::Document(error) = refused else { panic!("{refused}") };
        assert_eq!(error.class(), FailureClass::ChainOrSignature);
    }
}

#[tokio::test]
async fn an_owner_key_that_is_not_demanded_is_a_signer_not_accepted() {
    let stage = Stage::serving().await.unwrap();
    let (stranger, _) = strongroom_seal::key::SigningKey::generate(
        strongroom_seal::key::Algorithm::Es384,
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    let text = std::fs::read_to_string(stage.ground.layout.trust()).unwrap();
    let (before, _) = text.split_once("[charter]").unwrap();
    let stranger = hex::encode(stranger.public().as_bytes());
    let demands = format!("{before}[charter]\nsigned_by = [\"{stranger}\"]\n");
    std::fs::write(stage.ground.layout.trust(), demands).unwrap();
    let output = stage.command("verify", &[]).await.unwrap();
    assert_eq!(output.code, 21, "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("FAIL charter"), "{}", output.stdout);
}

#[tokio::test]
async fn an_api_key_that_the_release_does_not_list_is_refused_by_policy() {
    let stage = Stage::serving().await.unwrap();
    let key = stage.ground.layout.owner("another-key");
    let made = [String::from("api-key"), format!("--out={}", key.display())];
    assert_eq!(stage.binaries.strongroom(made, &[]).await.unwrap().code, 0);
    std::fs::copy(&key, stage.ground.layout.api_key()).unwrap();
    let output = stage.infer().await.unwrap();
    assert_eq!(output.code, 30, "{}", output.stderr);
    assert!(output.stdout.is_empty());
}
