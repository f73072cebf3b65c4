//! An upgrade of the image as the production guide describes it: both measurements are valid at once while one
//! enclave takes over from the other, nothing is lost, and then the old image stops serving.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail with the test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use strongroom_attestation::ImagePcrs;
use strongroom_client::TrustFile;
use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::nsm::measure;
use strongroom_sim::world::{
    EnclaveOptions, EnclaveProcess, HostOptions, HostProcess, READY, ReleasePlan, Sockets, bundled_model,
    measurements, wait_for,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::load::{Load, client, row};

/// A layer-4 load balancer: every new connection goes to the backend of the moment. Without affinity, as a
/// network load balancer is set up.
struct Balancer {
    port: u16,
    backend: Arc<AtomicU16>,
    carried: Arc<AtomicUsize>,
}

impl Balancer {
    async fn start(backend: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (backend, carried) = (Arc::new(AtomicU16::new(backend)), Arc::new(AtomicUsize::new(0)));
        let (to, count) = (Arc::clone(&backend), Arc::clone(&carried));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let port = to.load(Ordering::Relaxed);
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { port, backend, carried }
    }

    fn send_to(&self, backend: &HostProcess) {
        self.backend.store(backend.address().port(), Ordering::Relaxed);
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The same enclave as another image: one byte behind the executable's end.
fn next_image(stage: &Stage, folder: &Path) -> (PathBuf, ImagePcrs) {
    let mut bytes = std::fs::read(stage.binaries.path("strongroom-sim-enclave")).unwrap();
    let path = folder.join("next-enclave");
    bytes.push(0);
    std::fs::copy(stage.binaries.path("strongroom-sim-enclave"), &path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    (path, measure(&bytes))
}

fn pem(der: &[u8]) -> String {
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

async fn release(stage: &Stage, epoch: u64) {
    let plan = ReleasePlan { epoch, ..ReleasePlan::first(vec![bundled_model().unwrap()]) };
    stage.owner.release(&plan).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_loses_no_request_and_ends_the_old_image() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (next, next_pcrs) = next_image(&stage, folder.path());
    let old_pcrs = measure(&std::fs::read(stage.binaries.path("strongroom-sim-enclave")).unwrap());

    // 1. Both images may use the key, both are trusted, and a release lists both.
    stage.owner.allow(&stage.ground, &[old_pcrs, next_pcrs]).await.unwrap();
    release(&stage, 2).await;
    assert!(wait_for(READY, async || stage.status().await.is_some_and(|status| status.epoch == 2)).await);
    let balancer = Balancer::start(stage.host.address().port()).await;
    let client = Arc::new(client(&stage.ground.layout, &balancer.url()));
    let old_boot = client.infer(row(0)).await.ok().unwrap().receipt.boot;

    // 2. The new image starts beside the old one, with a host of its own.
    let sockets = Sockets::fresh().unwrap();
    let options = EnclaveOptions { executable: Some(next), ..EnclaveOptions::default() };
    let _enclave = EnclaveProcess::start(&stage.binaries, &stage.ground, &sockets, &options).unwrap();
    let host = HostProcess::start(&stage.binaries, &stage.ground, &sockets, &HostOptions::default()).await;
    let host = host.unwrap();
    host.wait_until_serving(READY).await.unwrap();

    // 3. Under load, connections go to the new one, and the old release's successor lists the new image alone.
    let load = Load::start(&client, 4, 100);
    balancer.send_to(&host);
    stage.owner.allow(&stage.ground, &[next_pcrs]).await.unwrap();
    release(&stage, 3).await;

    // 4. The old image says why it stops, and the host behind it is no longer ready.
    assert!(wait_for(READY, async || !stage.host.is_serving().await).await);
    let refusal = stage.status().await.unwrap().refusal;
    assert_eq!(refusal, "release 3 does not list this image");
    load.all_answered().await;
    let new_boot = client.infer(row(9999)).await.ok().unwrap().receipt.boot;
    assert_ne!(old_boot, new_boot);
    assert_eq!(client.epochs().into_values().collect::<Vec<_>>(), [3]);
    assert!(balancer.carried.load(Ordering::Relaxed) >= 2);
}

/// The old host ends, or dies, while clients are at it, and the balancer takes a moment to notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_or_dies_costs_time_and_no_request() {
    for dies in [false, true] {
        let mut stage = Stage::serving().await.unwrap();
        let sockets = Sockets::fresh().unwrap();
        let options = EnclaveOptions::default();
        let _enclave = EnclaveProcess::start(&stage.binaries, &stage.ground, &sockets, &options).unwrap();
        let host =
            HostProcess::start(&stage.binaries, &stage.ground, &sockets, &HostOptions::default()).await;
        let host = host.unwrap();
        host.wait_until_serving(READY).await.unwrap();
        let balancer = Balancer::start(stage.host.address().port()).await;
        let client = Arc::new(client(&stage.ground.layout, &balancer.url()));
        assert!(client.infer(row(0)).await.is_ok());
        let load = Load::start(&client, 4, 50);
        tokio::time::sleep(Duration::from_millis(200)).await;
        if dies {
            let id = stage.host.id().unwrap().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
        } else {
            stage.host.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        balancer.send_to(&host);
        load.all_answered().await;
    }
}

/// Nothing brings the withdrawn image back: not the release before, not the same one again.
#[tokio::test]
async fn a_withdrawn_image_does_not_go_back_to_an_older_release() {
    let stage = Stage::set(StageOptions::default()).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let bundle = stage.ground.layout.store().join("release.bundle");
    let first = std::fs::read(&bundle).unwrap();
    let other = ImagePcrs {
        pcr0: strongroom_attestation::Pcr::new([1; 48]),
        pcr1: strongroom_attestation::Pcr::new([2; 48]),
        pcr2: strongroom_attestation::Pcr::new([3; 48]),
    };
    stage.owner.allow(&stage.ground, &[other]).await.unwrap();
    release(&stage, 2).await;
    assert!(wait_for(READY, async || !stage.host.is_serving().await).await);
    std::fs::write(&bundle, &first).unwrap();
    let rolled_back = async || {
        stage.status().await.is_some_and(|status| !status.serving && status.refusal.contains("not above 2"))
    };
    assert!(wait_for(READY, rolled_back).await, "{:?}", stage.status().await.map(|status| status.refusal));
    assert!(!stage.host.is_serving().await);
}

/// The files of a hand-over, made by the shipped commands: published measurements, trust file, key policy.
#[tokio::test]
async fn measurements_of_two_releases_are_published_side_by_side_and_verified_against() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, next_pcrs) = next_image(&stage, folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("next.json"), measurements(&next_pcrs)).unwrap();
    let charter = stage.ground.layout.store().join("charter.cose").display().to_string();
    let run = async |args: &[&str]| {
        let output = stage.binaries.strongroom(args.iter().map(|arg| (*arg).to_owned()), &[]).await.unwrap();
        assert_eq!(output.code, 0, "{args:?}: {}", output.stderr);
        output
    };
    // Images of the emulator's kind: only their registers count here.
    std::fs::write(file("kernel"), b"kernel").unwrap();
    for (init, image) in [("first", "first.eif"), ("second", "second.eif")] {
        std::fs::write(file(init), init).unwrap();
        run(&["image", "--init", &file(init), "--kernel", &file("kernel"), "--output", &file(image)]).await;
    }
    let key = stage.ground.layout.owner("owner.pem").display().to_string();
    let (first, second, published) = (file("first.eif"), file("second.eif"), file("measurements.cose"));
    run(&["measure", &first, &second, "--sign", &key, "--charter", &charter, "--output", &published]).await;
    let shown = run(&["inspect", &published]).await.stdout;
    assert!(shown.contains("published measurements") && shown.matches("pcr0").count() == 2, "{shown}");

    // A trust file of both, and a document judged against them: the enclave here is of neither image.
    let trust = file("trust.toml");
    run(&[
        "trust",
        "--charter",
        &charter,
        "--measurements",
        &published,
        "--owner-may-change-models",
        "--owner-decides-controls",
        "--out",
        &trust,
    ])
    .await;
    let pinned = TrustFile::parse(&std::fs::read(&trust).unwrap()).unwrap();
    assert_eq!(pinned.demands().images.len(), 2);

    // One that names who publishes, for the simulation's root.
    std::fs::write(file("root.pem"), pem(stage.ground.pki.root_der())).unwrap();
    run(&[
        "trust",
        "--charter",
        &charter,
        "--measurements",
        &published,
        "--by-publisher",
        "--owner-may-change-models",
        "--owner-decides-controls",
        "--simulation-root",
        &file("root.pem"),
        "--out",
        &trust,
    ])
    .await;
    let public =
        strongroom_attestation::charter::SignedCharter::open(&std::fs::read(&charter).unwrap()).unwrap();
    let deployment = &public.charter().deployment;
    let verify = async |measurements: &str| {
        let args = ["verify", "--url", &stage.host.url(), "--trust", &trust, "--measurements", measurements];
        stage.binaries.strongroom(args.map(str::to_owned), &[]).await.unwrap()
    };
    let refused = verify(&published).await;
    assert_ne!(refused.code, 0);
    assert!(refused.stdout.contains("pcrs"), "{}", refused.stdout);

    // With the enclave's own image among the published ones it is verified.
    let own = measure(&std::fs::read(stage.binaries.path("strongroom-sim-enclave")).unwrap());
    let random = ring::rand::SystemRandom::new();
    let pem = std::fs::read_to_string(stage.ground.layout.owner("owner.pem")).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap();
    let owner =
        strongroom_seal::key::SigningKey::from_pkcs8(strongroom_seal::key::Algorithm::Es384, &der, &random);
    let image =
        |image| strongroom_attestation::published::PublishedImage { version: "1".parse().unwrap(), image };
    let both = strongroom_attestation::published::PublishedMeasurements {
        deployment: deployment.clone(),
        images: vec![image(own), image(next_pcrs)],
    };
    std::fs::write(&published, both.sign(&owner.unwrap(), &random).unwrap()).unwrap();
    let accepted = verify(&published).await;
    assert_eq!(accepted.code, 0, "{}{}", accepted.stdout, accepted.stderr);
}
