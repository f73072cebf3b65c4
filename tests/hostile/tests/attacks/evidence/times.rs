//! A client whose clock is wrong: whoever serves it the time may be the host's friend.

use std::time::Duration;

use strongroom_attestation::UnixMillis;
use strongroom_hostile::{Found, Scene};
use strongroom_proto::hello::ClientNonce;

use super::attacks;

attacks! { Evidence;
    /// sets the client's clock an hour ahead
    a_client_an_hour_ahead("evidence counts as fresh that is as old as its clock is wrong", "time", "document-age");
    /// shows evidence from before a restart to a client whose clock is set back to that time
    evidence_of_its_time("a session with an enclave that is gone", "offer", "offer-own");
}

const HOUR: Duration = Duration::from_secs(3600);

/// The check at which evidence for this nonce fails, where a client's clock says `now`.
fn judged(scene: &Scene, nonce: ClientNonce, evidence: &[u8], now: UnixMillis) -> Found {
    let (transcript, judged) = scene.client().unwrap().judge_at(nonce, evidence, now);
    let failed = transcript.first_failure().map_or("no check", |line| line.id);
    scene.found(if judged.is_ok() { Found::SUCCEEDED } else { failed })
}

async fn a_client_an_hour_ahead() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (nonce, reply) = scene.client().unwrap().hello().await;
    judged(&scene, nonce, &reply.body, scene.now().plus(HOUR))
}

async fn evidence_of_its_time() -> Found {
    let mut scene = Scene::serving().await.unwrap();
    let (_, earlier) = scene.client().unwrap().hello().await;
    let then = scene.now();
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
    let later = then.plus(Duration::from_millis(500));
    judged(&scene, ClientNonce::new(strongroom_e2e::random()), &earlier.body, later)
}
