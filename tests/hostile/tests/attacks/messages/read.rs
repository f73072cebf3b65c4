//! A host that does as it should, and reads what it relays.

use strongroom_e2e::request;
use strongroom_hostile::{Found, Scene};

use super::session;

/// What there is to see is on the tape; whether anything of it is secret, [`Scene::found`] says.
const NOTHING: &str = "none of it is in clear";

pub(super) async fn what_clients_send() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (message, _) = session.seal(&request(4)).unwrap();
    assert_eq!(client.send(&message).await.status, 200);
    let with_request = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    assert_eq!(client.send(&with_request.message).await.status, 200);
    assert_eq!(scene.inference().await.unwrap(), Found::SUCCEEDED, "the shipped client is served");
    scene.found(NOTHING)
}

pub(super) async fn what_clients_get() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    let outcome = scene.outcome(&session, &pending, &reply).unwrap();
    assert!(outcome.len() > 64, "an answer that can be told from others");
    scene.found(NOTHING)
}
