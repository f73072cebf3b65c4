//! Every field of a request.

use strongroom_e2e::request;
use strongroom_hostile::{Found, Scene};
use strongroom_proto::message::{REQUEST_HEADER_BYTES, request_header};

use super::{answered, session, two_clients};

const KIND: usize = 0;
const SESSION: usize = 1;
const NUMBER: usize = 17;

/// Sends a request that `change` has had in hand. Where it is refused, the request itself is answered still.
async fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    // An offer that nobody has opened, for what passes as an opening.
    client.verify().await.unwrap();
    let (message, pending) = session.seal(&request(8)).unwrap();
    let mut forged = message.clone();
    change(&mut forged);
    let refusal = answered(client.send(&forged).await.status);
    if refusal != Found::SUCCEEDED {
        let reply = client.send(&message).await;
        assert!(scene.outcome(&session, &pending, &reply).is_some(), "the forgery used up the number");
    }
    scene.found(refusal)
}

fn number(message: &mut [u8], number: u64) {
    message[NUMBER..REQUEST_HEADER_BYTES].copy_from_slice(&number.to_be_bytes());
}

pub(super) async fn a_request_of_an_unknown_kind() -> Found {
    changed(|message| message[KIND] = 3).await
}

pub(super) async fn a_request_made_an_opening() -> Found {
    // As long as an opening whose record has one of the sizes there are.
    changed(|message| {
        message[KIND] = 1;
        message.resize(strongroom_proto::message::OPENING_HEADER_BYTES + 1024, 0);
    })
    .await
}

pub(super) async fn a_request_of_another_session() -> Found {
    changed(|message| message[SESSION] ^= 1).await
}

pub(super) async fn a_request_under_another_number() -> Found {
    changed(|message| number(message, 2)).await
}

pub(super) async fn a_request_under_number_0() -> Found {
    changed(|message| number(message, 0)).await
}

pub(super) async fn a_request_under_the_largest_number() -> Found {
    changed(|message| number(message, u64::MAX)).await
}

pub(super) async fn a_request_under_a_number_far_ahead() -> Found {
    changed(|message| number(message, 1 << 40)).await
}

pub(super) async fn a_request_with_other_ciphertext() -> Found {
    changed(|message| message[REQUEST_HEADER_BYTES + 50] ^= 1).await
}

pub(super) async fn a_request_with_another_tag() -> Found {
    changed(|message| *message.last_mut().unwrap() ^= 1).await
}

pub(super) async fn a_request_cut_short() -> Found {
    changed(|message| message.truncate(message.len() - 1)).await
}

pub(super) async fn a_request_with_a_byte_more() -> Found {
    changed(|message| message.push(0)).await
}

pub(super) async fn a_request_under_another_session() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, one) = session(&scene).await;
    let two = client.session().await.unwrap();
    let (message, pending) = one.seal(&request(1)).unwrap();
    let spliced = [&request_header(two.id(), 1), &message[REQUEST_HEADER_BYTES..]].concat();
    let refusal = answered(client.send(&spliced).await.status);
    if refusal != Found::SUCCEEDED {
        assert!(scene.outcome(&one, &pending, &client.send(&message).await).is_some());
    }
    scene.found(refusal)
}

pub(super) async fn a_request_under_another_clients_session() -> Found {
    let (scene, [(victim, one), (_peer, two)]) = two_clients().await;
    let (message, pending) = one.seal(&request(1)).unwrap();
    let spliced = [&request_header(two.id(), 1), &message[REQUEST_HEADER_BYTES..]].concat();
    let refusal = answered(victim.send(&spliced).await.status);
    if refusal != Found::SUCCEEDED {
        assert!(scene.outcome(&one, &pending, &victim.send(&message).await).is_some());
    }
    scene.found(refusal)
}
