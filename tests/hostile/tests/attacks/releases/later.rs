//! Releases after the first: what an enclave has seen in this boot, and clients before.

use std::sync::Arc;
use std::time::Duration;

use strongroom_attestation::release::Bundle;
use strongroom_e2e::request;
use strongroom_hostile::{Found, Misdeeds, Scene, SceneOptions};
use strongroom_sim::world::{EnclaveOptions, EnclaveProcess, ReleasePlan, bundled_model, wait_for};

use super::super::evidence::{asks, shown};
use super::{attacks, resigned, stored};

attacks! { Releases;
    /// hands the enclave an older release again
    an_older_release("a release that its owner replaced", "epoch 1 is not above 2, which this boot has seen", "epoch-above");
    /// hands the enclave another release of the same epoch
    another_release_of_the_same_epoch("two releases under one number", "epoch 1 is not above 1, which this boot has seen", "epoch-above");
    /// brings a withdrawn image back with the release that still listed it
    a_withdrawn_image_brought_back("an image that its owner withdrew", "epoch 1 is not above 2, which this boot has seen", "epoch-above");
    /// changes the release under a session that was verified against the one before
    a_release_changed_under_a_session("a request under controls that its client never judged", "421", "sessions-end");
    /// changes the release under a client that has verified and not yet opened a session
    a_release_changed_under_an_offer("a request under controls that its client never judged", "421", "offers-end");
    /// restarts the enclave with an older release, for a client that saw the newer one
    an_older_release_after_a_restart("a release that its owner replaced", "exit 12: epoch", "epoch-remembered");
    /// runs two enclaves, and shows a client the one with the newer release and then the one with the older
    a_split_view("who asks does not notice that the owner's newer release is not served to it", "exit 12: epoch", "epoch-floor");
    /// runs two enclaves, and shows one client the newer release and another the older one, who shows the first its receipt
    a_split_view_to_two_clients("two clients under two releases, and neither can tell", "exit 12: epoch", "epoch-demanded");
    /// stops the enclave until its release has expired, and lets it run on under a session that is open
    an_enclave_frozen_until_its_release_expired("a release that its owner let go", "503", "release-expiry");
    /// freezes the guest for a month, after which its security module knows the time and its own clock does not, and lets it run on under a session that is open
    a_guest_that_slept_a_month("a release that its owner let go", "503", "clock-anchored");
    /// lets the security module's clock run an hour ahead and fall back, and hands over a release that expires between the two
    a_module_whose_clock_falls_back("a release that its owner let go", "release has expired", "clock-forward");
    /// serves the first release to a client that demands the second
    a_release_below_the_demanded_epoch("a release that its owner replaced", "exit 12: epoch", "epoch-demanded");
    /// shows a client a release that has expired, with everything else attested
    an_expired_release_shown("a release that its owner let go", "exit 12: release", "release-expiry");
    /// shows a client a release that does not list the attested image, with everything else attested
    a_release_of_another_image_shown("an image that its owner withdrew", "exit 11: release", "release-image");
}

/// The next release, made by the owner and not yet handed over.
async fn next(scene: &Scene) -> Bundle {
    let models = vec![bundled_model().unwrap()];
    scene.owner.release(&ReleasePlan { epoch: 2, ..ReleasePlan::first(models) }).await.unwrap();
    stored(&scene.ground)
}

/// Hands it over, and the enclave serves it.
async fn serves(scene: &Scene, bundle: &Bundle) {
    assert_eq!(scene.hand_over(bundle.encode().unwrap()).await.unwrap(), Found::SUCCEEDED);
}

async fn an_older_release() -> Found {
    let scene = Scene::serving().await.unwrap();
    let older = stored(&scene.ground);
    serves(&scene, &next(&scene).await).await;
    scene.found(scene.hand_over(older.encode().unwrap()).await.unwrap())
}

async fn another_release_of_the_same_epoch() -> Found {
    let scene = Scene::serving().await.unwrap();
    let models = vec![bundled_model().unwrap()];
    scene.owner.release(&ReleasePlan::first(models)).await.unwrap();
    let other = stored(&scene.ground);
    scene.found(scene.hand_over(other.encode().unwrap()).await.unwrap())
}

async fn a_withdrawn_image_brought_back() -> Found {
    let scene = Scene::serving().await.unwrap();
    let older = stored(&scene.ground);
    next(&scene).await;
    let without = resigned(&scene.ground, |release| {
        release.images[0].pcr0 = release.images[0].pcr0.extend(b"another");
    });
    let withdrawn = scene.hand_over(without.encode().unwrap()).await.unwrap();
    assert_eq!(withdrawn, "release 2 does not list this image");
    scene.found(scene.hand_over(older.encode().unwrap()).await.unwrap())
}

/// The status of what should not have been answered.
fn answered(status: u16) -> String {
    if status == 200 { Found::SUCCEEDED.to_owned() } else { status.to_string() }
}

async fn a_release_changed_under_a_session() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let session = client.session().await.unwrap();
    serves(&scene, &next(&scene).await).await;
    let (message, _) = session.seal(&request(1)).unwrap();
    scene.found(answered(client.send(&message).await.status))
}

async fn a_release_changed_under_an_offer() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let verified = client.verify().await.unwrap();
    serves(&scene, &next(&scene).await).await;
    let opened = client.open(verified, &request(1)).unwrap();
    scene.found(answered(client.send(&opened.message).await.status))
}

async fn an_older_release_after_a_restart() -> Found {
    let mut scene = Scene::serving().await.unwrap();
    let older = stored(&scene.ground);
    serves(&scene, &next(&scene).await).await;
    assert_eq!(scene.verdict().await.unwrap(), Found::SUCCEEDED, "the newer one is genuine");
    super::store(&scene.ground, &older.encode().unwrap());
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
    scene.found(scene.verdict().await.unwrap())
}

/// Starts a second enclave, with the owner's next release, for the host to show where it likes.
async fn with_a_newer(scene: &Scene) -> EnclaveProcess {
    next(scene).await;
    scene.another("newer").await.unwrap()
}

/// The host asks that second enclave in place of the first: all of it, as a client of its own would.
fn shows_the_newer(scene: &Scene) {
    let (tape, newer) = (Arc::clone(scene.tape()), scene.sockets.endpoint("newer"));
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.inbound {
            relay.body = asks(&tape, newer.clone(), relay.kind, relay.body.clone());
            (relay.status, relay.passed_on) = (200, false);
        }
    }));
}

async fn a_split_view() -> Found {
    let scene = Scene::serving().await.unwrap();
    let newer = with_a_newer(&scene).await;
    shows_the_newer(&scene);
    assert_eq!(scene.verdict().await.unwrap(), Found::SUCCEEDED, "the newer one is genuine");
    scene.host.turns_to(Misdeeds::default());
    let said = scene.verdict().await.unwrap();
    drop(newer);
    scene.found(said)
}

async fn a_split_view_to_two_clients() -> Found {
    let scene = Scene::serving().await.unwrap();
    let newer = with_a_newer(&scene).await;
    let kept =
        |client: &str| (scene.file(&format!("{client}.receipt")), scene.file(&format!("{client}.evidence")));
    let infers = async |client: &str| {
        let (receipt, evidence) = kept(client);
        let to = [format!("--receipt={}", receipt.display()), format!("--evidence={}", evidence.display())];
        assert_eq!(scene.inference_of(client, &to).await.unwrap(), Found::SUCCEEDED, "{client}");
    };
    infers("one").await;
    shows_the_newer(&scene);
    infers("other").await;
    // What the second client was shown is what it demands of the first one's receipt.
    let trust = scene.ground.layout.trust();
    let text = std::fs::read_to_string(&trust).unwrap();
    std::fs::write(&trust, text.replace("least_epoch = 1", "least_epoch = 2")).unwrap();
    let verdict = async |client: &str| {
        let (receipt, evidence) = kept(client);
        scene.receipt_verdict(&receipt, &evidence).await.unwrap()
    };
    assert_eq!(verdict("other").await, Found::SUCCEEDED, "its own");
    let said = verdict("one").await;
    drop(newer);
    scene.found(said)
}

/// Stops a process, or lets it run on.
fn signal(scene: &Scene, signal: &str) {
    let process = scene.enclave.id().unwrap().to_string();
    let sent = std::process::Command::new("kill").args([signal, &process]).status().unwrap();
    assert!(sent.success());
}

async fn an_enclave_frozen_until_its_release_expired() -> Found {
    const LASTS: Duration = Duration::from_secs(5);
    let scene = Scene::serving().await.unwrap();
    next(&scene).await;
    let expires = strongroom_e2e::now().plus(LASTS);
    serves(&scene, &resigned(&scene.ground, |release| release.not_after = expires)).await;
    let client = scene.client().unwrap();
    let session = client.session().await.unwrap();
    signal(&scene, "-STOP");
    let expired = async || strongroom_e2e::now() > expires;
    assert!(wait_for(2 * LASTS, expired).await);
    signal(&scene, "-CONT");
    let (message, _) = session.seal(&request(1)).unwrap();
    scene.found(answered(client.send(&message).await.status))
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How far a security module's clock is ahead of this machine's.
struct Ahead(tempfile::TempDir);

impl Ahead {
    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("ahead-ms")
    }

    /// The module reads it at any moment, so it is replaced as a whole.
    fn set(&self, by: Duration) {
        let new = self.0.path().join("new");
        std::fs::write(&new, by.as_millis().to_string()).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }
}

/// A scene whose security module has such a clock.
async fn with_a_clock() -> (Scene, Ahead) {
    let clock = Ahead(tempfile::tempdir().unwrap());
    clock.set(Duration::ZERO);
    let enclave = EnclaveOptions { nsm_ahead_ms: Some(clock.file()), ..EnclaveOptions::default() };
    let options = SceneOptions { enclave, ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |_, _| Ok(())).await.unwrap();
    scene.wait_until_serving().await.unwrap();
    (scene, clock)
}

async fn a_guest_that_slept_a_month() -> Found {
    let (scene, clock) = with_a_clock().await;
    let client = scene.client().unwrap();
    let session = client.session().await.unwrap();
    clock.set(30 * 24 * HOUR);
    // Anybody's: its document tells the enclave.
    assert_eq!(client.hello().await.1.status, 200);
    let (message, _) = session.seal(&request(1)).unwrap();
    scene.found(answered(client.send(&message).await.status))
}

async fn a_module_whose_clock_falls_back() -> Found {
    let (scene, clock) = with_a_clock().await;
    let client = scene.client().unwrap();
    for by in [HOUR, Duration::ZERO] {
        clock.set(by);
        assert_eq!(client.hello().await.1.status, 200);
    }
    next(&scene).await;
    let expires = strongroom_e2e::now().plus(HOUR / 2);
    let bundle = resigned(&scene.ground, |release| release.not_after = expires);
    scene.found(scene.hand_over(bundle.encode().unwrap()).await.unwrap())
}

async fn a_release_below_the_demanded_epoch() -> Found {
    let scene = Scene::serving().await.unwrap();
    let trust = scene.ground.layout.trust();
    let text = std::fs::read_to_string(&trust).unwrap();
    std::fs::write(&trust, text.replace("least_epoch = 1", "least_epoch = 2")).unwrap();
    scene.found(scene.verdict().await.unwrap())
}

async fn an_expired_release_shown() -> Found {
    let scene = Scene::serving().await.unwrap();
    let bundle = resigned(&scene.ground, |release| {
        (release.not_before, release.not_after) =
            (strongroom_attestation::UnixMillis::new(1), strongroom_attestation::UnixMillis::new(2));
    });
    shown(scene, bundle.release).await
}

async fn a_release_of_another_image_shown() -> Found {
    let scene = Scene::serving().await.unwrap();
    let bundle = resigned(&scene.ground, |release| {
        release.images[0].pcr0 = release.images[0].pcr0.extend(b"another");
    });
    shown(scene, bundle.release).await
}
