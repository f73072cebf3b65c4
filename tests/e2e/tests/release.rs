//! Releases: a newer one is swapped in, an older one never, and every session ends with its release.

use std::sync::Arc;
use std::time::Duration;

use strongroom_e2e::{Stage, StageOptions, outcome, request};
use strongroom_sim::world::{Binaries, ModelSource, READY, ReleasePlan, bundled_model, wait_for};

use crate::controls::{key, key_entry, key_file};
use crate::load::{Load, client, row};

const SWAP: Duration = Duration::from_secs(30);

async fn swap(stage: &Stage, epoch: u64) {
    let plan = ReleasePlan { epoch, models: vec![bundled_model().unwrap()], policy: None };
    stage.owner.release(&plan).await.unwrap();
    let swapped = async || stage.status().await.is_some_and(|status| status.epoch == epoch);
    assert!(wait_for(SWAP, swapped).await, "epoch {epoch} is not served: {:?}", stage.status().await);
}

#[tokio::test]
async fn a_newer_release_is_swapped_in_and_ends_every_session() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let pending_offer = client.verify().await.unwrap();
    assert_eq!(session.verified().claims().epoch, 1);
    swap(&stage, 2).await;
    let (message, _) = session.seal(&request(1)).unwrap();
    assert_eq!(client.send(&message).await.status, 421, "the session ended");
    let opened = client.open(pending_offer, &[]).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 421, "and so did offers of the old release");
    let session = client.session().await.unwrap();
    assert_eq!(session.verified().claims().epoch, 2);
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    assert!(outcome(&session, &pending, &reply).is_some());
}

#[tokio::test]
async fn an_older_release_is_refused_and_the_newer_one_stays() {
    let stage = Stage::serving().await.unwrap();
    let bundle = stage.ground.layout.store().join("release.bundle");
    let old = std::fs::read(&bundle).unwrap();
    let inspect = ["inspect".to_owned(), bundle.display().to_string()];
    let shown = Binaries::beside_this_one().unwrap().strongroom(inspect, &[]).await.unwrap();
    assert!(shown.code == 0 && shown.stdout.starts_with("release bundle\n"), "{}", shown.stderr);
    assert!(shown.stdout.contains("epoch: 1\n") && shown.stdout.contains("interface"), "{}", shown.stdout);
    swap(&stage, 3).await;
    std::fs::write(&bundle, old).unwrap();
    let refused = async || stage.status().await.is_some_and(|status| !status.refusal.is_empty());
    assert!(wait_for(SWAP, refused).await, "the enclave did not judge the old release");
    let status = stage.status().await.unwrap();
    assert_eq!((status.serving, status.epoch), (true, 3));
    assert!(status.refusal.contains("not above 3"), "{}", status.refusal);
}

/// The shipped client remembers: its trust file says 1, but it has seen 2, and a restarted enclave that
/// is given the old, still valid release serves it nothing.
#[tokio::test]
async fn a_restart_into_an_older_release_is_noticed_by_who_saw_the_newer() {
    let mut stage = Stage::serving().await.unwrap();
    let bundle = stage.ground.layout.store().join("release.bundle");
    let old = std::fs::read(&bundle).unwrap();
    swap(&stage, 2).await;
    let client = client(&stage.ground.layout, &stage.host.url());
    assert!(client.infer(row(1)).await.is_ok());
    std::fs::write(&bundle, old).unwrap();
    stage.restart_enclave().await.unwrap();
    assert_eq!(stage.status().await.unwrap().epoch, 1);
    let refused = client.infer(row(2)).await.err();
    let expected = strongroom_attestation::evidence::EvidenceError::RolledBack;
    assert_eq!(refused, Some(strongroom_client::ClientError::Evidence(expected)));
}

/// A client that demands epoch 2 does not accept epoch 1, although an honest enclave serves it.
#[tokio::test]
async fn a_client_that_demands_a_newer_release_refuses_an_older_one() {
    let stage = Stage::serving().await.unwrap();
    let trust = stage.trust().unwrap().with_least_epoch(2);
    let client = stage.client().unwrap().with_trust(trust);
    let refused = client.verify().await.unwrap_err();
    assert_eq!(refused, strongroom_attestation::evidence::EvidenceError::RolledBack);
}

#[tokio::test]
async fn the_shipped_client_attests_anew_by_itself() {
    let stage = Stage::serving().await.unwrap();
    assert_eq!(stage.infer().await.unwrap().code, 0);
    swap(&stage, 2).await;
    assert_eq!(stage.infer().await.unwrap().code, 0);
    let text = std::fs::read_to_string(stage.ground.layout.trust()).unwrap();
    std::fs::write(stage.ground.layout.trust(), text.replace("least_epoch = 1", "least_epoch = 3")).unwrap();
    assert_eq!(stage.infer().await.unwrap().code, 12, "below the demanded epoch");
}

/// A swap under load: nobody is told, nobody fails, and nobody goes on under the old judgement.
#[tokio::test(flavor = "multi_thread")]
async fn running_clients_attest_anew_and_lose_no_request() {
    let stage = Stage::serving().await.unwrap();
    let client = Arc::new(client(&stage.ground.layout, &stage.host.url()));
    assert!(client.infer(row(0)).await.is_ok());
    let load = Load::start(&client, 8, 100);
    swap(&stage, 2).await;
    load.all_answered().await;
    assert!(client.infer(row(9999)).await.is_ok());
    assert_eq!(client.epochs().into_values().collect::<Vec<_>>(), [2]);
}

/// An enclave that is killed and started anew has other keys: clients attest anew by themselves.
#[tokio::test]
async fn clients_survive_a_restart_of_the_enclave() {
    let mut stage = Stage::serving().await.unwrap();
    let client = client(&stage.ground.layout, &stage.host.url());
    let before = client.infer(row(1)).await.ok().unwrap();
    stage.restart_enclave().await.unwrap();
    let after = client.infer(row(1)).await.ok().unwrap();
    assert_ne!(before.receipt.boot, after.receipt.boot);
    assert!(before.outputs == after.outputs);
}

/// The larger model's package is cut where its weights begin, as a copy that is still going on would be.
#[tokio::test]
async fn each_model_of_a_first_release_answers_from_when_it_is_loaded_the_smallest_first() {
    let trees = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/forest/model.onnx");
    let fraud = bundled_model().unwrap();
    let forest = ModelSource { id: "forest@1".parse().unwrap(), onnx: trees.into(), arguments: vec![] };
    let mut whole = Vec::new();
    let policy =
        "[role.all]\noperations = [\"infer\", \"status\"]\n".to_owned() + &key_entry(1, "role = \"all\"");
    let models = Some(vec![fraud.clone(), forest]);
    let options = StageOptions { models, policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set_with(options, async |_, owner| {
        let package = owner.package(&fraud.id);
        whole = std::fs::read(&package).unwrap();
        std::fs::write(&package, &whole[..whole.len() - 30_000]).unwrap();
        Ok(())
    });
    let stage = stage.await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let api_key = format!("--api-key=@{}", key_file(&stage, 1).display());
    let loaded = async || stage.command("status", std::slice::from_ref(&api_key)).await.unwrap().stdout;
    assert!(loaded().await.contains("models: forest@1\n"), "{}", loaded().await);

    let request_file = stage.ground.layout.owner("forest.json");
    let asked = r#"{"inputs":[{"name":"X","shape":[1,5],"datatype":"FP32","data":[0,0,0,0,0]}]}"#;
    std::fs::write(&request_file, asked).unwrap();
    let input = format!("--input={}", request_file.display());
    let answered =
        stage.command("infer", &[api_key.clone(), "--model=forest".to_owned(), input]).await.unwrap();
    assert_eq!(answered.code, 0, "{}", answered.stderr);

    // Who asks for the other one is told to come again.
    let client = stage.client().unwrap().with_key(key(1));
    let session = client.session().await.unwrap();
    let (message, _) = session.seal(&request(1)).unwrap();
    assert_eq!(client.send(&message).await.status, 429);
    let status = stage.status().await.unwrap();
    assert!(status.serving && status.refusal.contains("fraud@1"), "{status:?}");

    // Once it is all there, the same session is answered.
    std::fs::write(stage.owner.package(&fraud.id), whole).unwrap();
    let both = async || loaded().await.contains("models: forest@1, fraud@1\n");
    assert!(wait_for(SWAP, both).await, "{}", loaded().await);
    let (message, pending) = session.seal(&request(1)).unwrap();
    assert!(outcome(&session, &pending, &client.send(&message).await).is_some());
    assert_eq!(stage.status().await.unwrap().refusal, "");
}
