//! The host's credentials, and the state of the KMS key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use strongroom_hostile::{Found, Misdeeds, Scene, SceneOptions};
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Credentials;
use strongroom_sim::kms::{Caller, SimCredential, SimKms};
use strongroom_sim::world::{ACCOUNT, Ground, Owner, READY, wait_for};

use super::{misdeeds, refused, refused_for_a_while, said, unchanged};

/// A host that gives these in place of its own.
fn gives(change: impl Fn(Credentials) -> Option<Vec<u8>> + Send + 'static) -> SceneOptions {
    misdeeds(Misdeeds::default().told(move |kind, _, honest| match kind {
        Kind::Credentials => change(Credentials::decode(&honest?).ok()?),
        _ => honest,
    }))
}

async fn for_a_while(change: impl Fn(Credentials) -> Option<Vec<u8>> + Send + 'static) -> Found {
    let (scene, said) = said(gives(change), unchanged).await;
    refused_for_a_while(scene, said).await
}

pub(super) async fn no_credentials() -> Found {
    for_a_while(|_| None).await
}

pub(super) async fn malformed_credentials() -> Found {
    for_a_while(|_| Some(vec![0xff; 100])).await
}

/// They become headers of HTTP, and what makes those takes it for granted that they can.
pub(super) async fn credentials_that_are_no_header() -> Found {
    let options = gives(|own| Credentials { access_key_id: "ASIA\n".to_owned(), ..own }.encode().ok());
    let scene = Scene::set_with(options, unchanged).await.unwrap();
    let judged =
        async || scene.status().await.is_some_and(|status| status.panics > 0 || !status.refusal.is_empty());
    assert!(wait_for(READY, judged).await, "the enclave said nothing");
    let status = scene.status().await.unwrap();
    let said = if status.panics > 0 { Found::SUCCEEDED.to_owned() } else { status.refusal };
    refused_for_a_while(scene, said).await
}

pub(super) async fn expired_credentials() -> Found {
    for_a_while(|own| Credentials { expires_ms: strongroom_e2e::now().as_millis(), ..own }.encode().ok())
        .await
}

pub(super) async fn credentials_with_another_secret() -> Found {
    for_a_while(|own| Credentials { secret_access_key: "another".to_owned(), ..own }.encode().ok()).await
}

/// Gives the credentials of another role from the asking with this number on. The enclave asks before each call of KMS.
async fn of_another_role(from: usize) -> Found {
    let other = SimCredential {
        access_key_id: "ASIAOTHER".to_owned(),
        secret_access_key: "the-others".to_owned(),
        session_token: Some("the-others".to_owned()),
        expires: None,
        caller: Caller::role(ACCOUNT, "another", "i-0", &["kms:Decrypt"]),
    };
    let (known, asked) = (other.clone(), AtomicUsize::new(0));
    let options = gives(move |own| {
        if asked.fetch_add(1, Ordering::SeqCst) < from {
            return own.encode().ok();
        }
        let session_token = other.session_token.clone()?;
        let (access_key_id, secret_access_key) =
            (other.access_key_id.clone(), other.secret_access_key.clone());
        Credentials { access_key_id, secret_access_key, session_token, ..own }.encode().ok()
    });
    refused(options, async move |ground: &Ground, _: &Owner| {
        ground.kms.accept(known);
        Ok(())
    })
    .await
}

pub(super) async fn credentials_of_another_role() -> Found {
    of_another_role(0).await
}

/// The private part's key is released to the host's own role; the model's is asked for with another's credentials.
pub(super) async fn credentials_swapped_between_two_keys() -> Found {
    of_another_role(1).await
}

/// What the host was given, as KMS knows it.
fn as_kms_knows_it(ground: &Ground, expires: SystemTime) -> SimCredential {
    let json = std::fs::read(ground.layout.host_credentials()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let text = |field: &str| json[field].as_str().unwrap().to_owned();
    SimCredential {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("SessionToken")),
        expires: Some(expires),
        caller: Caller::role(ACCOUNT, "strongroom-host", "i-0123456789abcdef0", &[]),
    }
}

pub(super) async fn credentials_that_expire_on_the_way() -> Found {
    let (scene, said) = said(SceneOptions::default(), async |ground: &Ground, _: &Owner| {
        ground.kms.accept(as_kms_knows_it(ground, SystemTime::now() - Duration::from_secs(1)));
        Ok(())
    })
    .await;
    let later = SystemTime::now() + Duration::from_secs(3600);
    scene.ground.kms.accept(as_kms_knows_it(&scene.ground, later));
    refused_for_a_while(scene, said).await
}

/// The private part's key is released; by the time the model's is asked for, KMS no longer takes the credentials.
pub(super) async fn credentials_that_expire_between_two_keys() -> Found {
    let known: Arc<OnceLock<(Arc<SimKms>, SimCredential)>> = Arc::default();
    let (expiring, asked) = (Arc::clone(&known), AtomicUsize::new(0));
    let options = gives(move |own| {
        if asked.fetch_add(1, Ordering::SeqCst) == 1 {
            let (kms, expired) = expiring.get()?;
            kms.accept(expired.clone());
        }
        own.encode().ok()
    });
    let (scene, said) = said(options, async |ground: &Ground, _: &Owner| {
        let expired = as_kms_knows_it(ground, SystemTime::now() - Duration::from_secs(1));
        let _ = known.set((Arc::clone(&ground.kms), expired));
        Ok(())
    })
    .await;
    let released = scene.ground.kms.calls();
    let released = released.iter().filter(|call| call.operation == "Decrypt" && call.outcome.is_ok()).count();
    assert_eq!(released, 1, "the first key was released");
    let later = SystemTime::now() + Duration::from_secs(3600);
    scene.ground.kms.accept(as_kms_knows_it(&scene.ground, later));
    refused_for_a_while(scene, said).await
}

pub(super) async fn a_disabled_key() -> Found {
    let (scene, said) = said(SceneOptions::default(), async |ground: &Ground, owner: &Owner| {
        ground.kms.alter(owner.key().as_str(), |key| key.enabled = false).unwrap();
        Ok(())
    })
    .await;
    scene.ground.kms.alter(scene.owner.key().as_str(), |key| key.enabled = true).unwrap();
    refused_for_a_while(scene, said).await
}
