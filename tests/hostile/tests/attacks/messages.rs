//! Requests and answers under way.

use strongroom_attestation::channel::Session;
use strongroom_e2e::{outcome, request};
use strongroom_hostile::{Client, Found, Scene};

use super::attacks;

attacks! { Messages;
    /// sends a request a second time
    a_replayed_request("a request is served twice, and charged twice", "400", "number-once");
    /// sends an opening a second time
    a_replayed_opening("a session that the client did not ask for", "421", "offer-once");
}

/// A client with an open session.
async fn session(scene: &Scene) -> (Client, Session) {
    let client = scene.client().unwrap();
    let session = client.session().await.unwrap();
    (client, session)
}

/// The status of what should not have been answered.
fn answered(status: u16) -> String {
    if status == 200 { Found::SUCCEEDED.to_owned() } else { status.to_string() }
}

async fn a_replayed_request() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    assert!(outcome(&session, &pending, &reply).is_some(), "the request itself is answered");
    scene.found(answered(client.send(&message).await.status))
}

async fn a_replayed_opening() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let opened = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 200);
    scene.found(answered(client.send(&opened.message).await.status))
}
