//! Every field of an opening.

use strongroom_e2e::{Opened, request};
use strongroom_hostile::{Client, Found, Scene};
use strongroom_proto::message::OPENING_HEADER_BYTES;

use super::{answered, flipped, session, strangers};

const KIND: usize = 0;
const OFFER: usize = 1;
const NONCE: usize = 17;
const LATTICE_KEY: usize = 49;
const CURVE_KEY: usize = OPENING_HEADER_BYTES - 1;

/// An opening with a request that nobody has sent yet.
async fn opening(client: &Client) -> Opened {
    client.open(client.verify().await.unwrap(), &request(1)).unwrap()
}

/// Changes one byte of an opening and sends it, while other offers and sessions are there.
async fn with_a_byte_changed(position: impl FnOnce(usize) -> usize) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, _session) = session(&scene).await;
    client.verify().await.unwrap();
    let message = opening(&client).await.message;
    let changed = flipped(&message, position(message.len()));
    scene.found(answered(client.send(&changed).await.status))
}

pub(super) async fn an_opening_of_an_unknown_kind() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, _session) = session(&scene).await;
    let mut message = opening(&client).await.message;
    message[KIND] = 3;
    scene.found(answered(client.send(&message).await.status))
}

pub(super) async fn an_opening_made_a_request() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, _session) = session(&scene).await;
    let message = opening(&client).await.message;
    // A request of a size that requests have, from the opening's first bytes and its record.
    let record = &message[OPENING_HEADER_BYTES..];
    let header = [&[2], &message[OFFER..OFFER + 16], &7_u64.to_be_bytes()].concat();
    scene.found(answered(client.send(&[&header, record].concat()).await.status))
}

pub(super) async fn an_opening_of_another_offer() -> Found {
    with_a_byte_changed(|_| OFFER).await
}

pub(super) async fn an_opening_with_another_nonce() -> Found {
    with_a_byte_changed(|_| NONCE).await
}

pub(super) async fn an_opening_with_another_lattice_key() -> Found {
    with_a_byte_changed(|_| LATTICE_KEY).await
}

pub(super) async fn an_opening_with_another_curve_key() -> Found {
    // The last byte's highest bit does not count on this curve, its lowest does.
    with_a_byte_changed(|_| CURVE_KEY).await
}

pub(super) async fn an_opening_with_other_ciphertext() -> Found {
    with_a_byte_changed(|_| OPENING_HEADER_BYTES + 50).await
}

pub(super) async fn an_opening_with_another_tag() -> Found {
    with_a_byte_changed(|length| length - 1).await
}

pub(super) async fn an_opening_for_another_clients_offer() -> Found {
    let (scene, [victim, peer]) = strangers().await;
    let offer = victim.verify().await.unwrap().offer();
    let mut message = opening(&peer).await.message;
    message[OFFER..NONCE].copy_from_slice(offer.as_bytes());
    scene.found(answered(peer.send(&message).await.status))
}

pub(super) async fn openings_with_their_records_swapped() -> Found {
    let (scene, [one, two]) = strangers().await;
    let (first, second) = (opening(&one).await.message, opening(&two).await.message);
    let spliced = [&first[..OPENING_HEADER_BYTES], &second[OPENING_HEADER_BYTES..]].concat();
    scene.found(answered(one.send(&spliced).await.status))
}

pub(super) async fn an_opening_cut_short() -> Found {
    let scene = Scene::serving().await.unwrap();
    let client = scene.client().unwrap();
    let mut message = opening(&client).await.message;
    message.pop();
    scene.found(answered(client.send(&message).await.status))
}
