//! Messages that were sent before, or would have had to be.

use strongroom_attestation::channel::WINDOW;
use strongroom_e2e::request;
use strongroom_hostile::{Found, Scene};
use strongroom_sim::world::{ReleasePlan, bundled_model};

use super::{answered, answered_once, session};

pub(super) async fn a_replayed_request() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    assert!(scene.outcome(&session, &pending, &reply).is_some(), "the request itself is answered");
    scene.found(answered(client.send(&message).await.status))
}

pub(super) async fn a_replayed_request_at_the_edge_of_the_window() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (first, _) = session.seal(&request(1)).unwrap();
    assert_eq!(client.send(&first).await.status, 200);
    let newest = (1..WINDOW).map(|_| session.seal(&[]).unwrap()).last().unwrap();
    assert_eq!(client.send(&newest.0).await.status, 200);
    scene.found(answered(client.send(&first).await.status))
}

pub(super) async fn copies_of_a_request_at_once() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (message, _) = session.seal(&request(1)).unwrap();
    let (a, b, c, d) = tokio::join!(
        client.send(&message),
        client.send(&message),
        client.send(&message),
        client.send(&message)
    );
    scene.found(answered_once([a, b, c, d]))
}

pub(super) async fn a_request_below_the_window() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (old, _) = session.seal(&request(1)).unwrap();
    let newest = (0..1100).map(|_| session.seal(&[]).unwrap()).last().unwrap();
    assert_eq!(client.send(&newest.0).await.status, 200);
    scene.found(answered(client.send(&old).await.status))
}

pub(super) async fn a_request_replayed_to_another_boot() -> Found {
    let mut scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (message, _) = session.seal(&request(1)).unwrap();
    assert_eq!(client.send(&message).await.status, 200);
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
    client.session().await.unwrap();
    scene.found(answered(client.send(&message).await.status))
}

/// Has a newer release taken over.
async fn swap(scene: &Scene) {
    let plan = ReleasePlan { epoch: 2, models: vec![bundled_model().unwrap()], policy: None };
    scene.owner.release(&plan).await.unwrap();
    let bundle = std::fs::read(scene.ground.layout.store().join("release.bundle")).unwrap();
    assert_eq!(scene.hand_over(bundle).await.unwrap(), Found::SUCCEEDED, "the newer release is taken");
}

pub(super) async fn a_request_of_a_session_before_a_swap() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    swap(&scene).await;
    let (message, _) = session.seal(&request(1)).unwrap();
    scene.found(answered(client.send(&message).await.status))
}

pub(super) async fn an_opening_made_before_a_swap() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let opened = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    swap(&scene).await;
    scene.found(answered(client.send(&opened.message).await.status))
}

pub(super) async fn a_replayed_opening() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let opened = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 200);
    scene.found(answered(client.send(&opened.message).await.status))
}

pub(super) async fn copies_of_an_opening_at_once() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let message = client.open(client.verify().await.unwrap(), &request(1)).unwrap().message;
    let (a, b, c, d) = tokio::join!(
        client.send(&message),
        client.send(&message),
        client.send(&message),
        client.send(&message)
    );
    scene.found(answered_once([a, b, c, d]))
}

pub(super) async fn an_opening_replayed_to_another_boot() -> Found {
    let mut scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let opened = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 200);
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
    client.verify().await.unwrap();
    scene.found(answered(client.send(&opened.message).await.status))
}
