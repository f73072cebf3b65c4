//! What the size of an answer tells.

use std::borrow::Cow;

use strongroom_attestation::channel::Session;
use strongroom_e2e::{Reply, request};
use strongroom_hostile::{Client, Found, Scene};
use strongroom_seal::message::{Ask, Outcome, Request};

use super::session;

/// The same status and size tell nothing.
fn told(scene: &Scene, ordinary: &Reply, other: &Reply) -> Found {
    let (status, bytes) = (other.status, other.body.len());
    let same = (ordinary.status, ordinary.body.len()) == (status, bytes);
    scene.found(if same {
        format!("{status} with {bytes} bytes, as for any answer")
    } else {
        Found::SUCCEEDED.to_owned()
    })
}

async fn ask(scene: &Scene, (client, session): (&Client, &Session), asked: &[u8]) -> (Reply, bool) {
    let (message, pending) = session.seal(asked).unwrap();
    let reply = client.send(&message).await;
    let outcome = scene.outcome(session, &pending, &reply).unwrap();
    let answered = matches!(Outcome::decode(&outcome), Ok(Outcome::Answer(_)));
    (reply, answered)
}

/// Compares the answer to a request with that to one that is refused.
async fn refused(asked: &[u8]) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (ordinary, answered) = ask(&scene, (&client, &session), &request(1)).await;
    let (other, also) = ask(&scene, (&client, &session), asked).await;
    assert!(answered && !also, "one is answered, the other refused");
    told(&scene, &ordinary, &other)
}

/// A request in which `change` has been.
fn request_but(change: impl FnOnce(&mut Request<'_>)) -> Vec<u8> {
    let encoded = request(1);
    let Ok(Ask::Infer(mut request)) = Ask::decode(&encoded) else { panic!("not a request") };
    change(&mut request);
    Ask::Infer(request).encode().unwrap()
}

pub(super) async fn the_size_of_a_refused_key() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (known, stranger) = (scene.client().unwrap(), scene.client_with(strongroom_e2e::random()).unwrap());
    let ordinary = known.open(known.verify().await.unwrap(), &request(1)).unwrap();
    let other = stranger.open(stranger.verify().await.unwrap(), &request(1)).unwrap();
    told(&scene, &known.send(&ordinary.message).await, &stranger.send(&other.message).await)
}

pub(super) async fn the_size_of_a_refused_request() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (ordinary, _) = ask(&scene, (&client, &session), &request(1)).await;
    let stranger = scene.client_with(strongroom_e2e::random()).unwrap();
    let opened = stranger.open(stranger.verify().await.unwrap(), &[]).unwrap();
    assert_eq!(stranger.send(&opened.message).await.status, 200);
    let (other, answered) = ask(&scene, (&stranger, &opened.session), &request(1)).await;
    assert!(!answered);
    told(&scene, &ordinary, &other)
}

pub(super) async fn the_size_of_a_malformed_request() -> Found {
    refused(b"no request").await
}

pub(super) async fn the_size_of_an_unknown_model() -> Found {
    refused(&request_but(|request| request.model = "another".parse().unwrap())).await
}

pub(super) async fn the_size_of_inputs_that_do_not_fit() -> Found {
    refused(&request_but(|request| {
        let input = &mut request.inputs[0];
        input.shape[1] -= 1;
        input.data = Cow::Owned(input.data[4..].to_vec());
    }))
    .await
}

pub(super) async fn the_size_of_four_rows() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (one, answered) = ask(&scene, (&client, &session), &request(1)).await;
    let (four, also) = ask(&scene, (&client, &session), &request(4)).await;
    assert!(answered && also);
    told(&scene, &one, &four)
}
