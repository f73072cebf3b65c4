//! Answers that are changed, or not to what was asked, and receipts.

use strongroom_attestation::channel::{Pending, Session};
use strongroom_attestation::receipt::Receipt;
use strongroom_e2e::{Reply, request};
use strongroom_hostile::{Client, Found, Scene};
use strongroom_proto::message::REQUEST_HEADER_BYTES;
use strongroom_seal::digest::OutcomeDigest;
use strongroom_seal::message::{Outcome, split_answer};

use super::{believed, flipped, session, two_clients};

/// Bytes before the outcome in a record: the length of the body, and that of the outcome.
const BEFORE_OUTCOME: usize = 8;

/// Bytes of a tag.
const TAG: usize = 16;

/// A request and its answer, as it came.
async fn ask(scene: &Scene, client: &Client, session: &Session) -> (Pending, Reply) {
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    assert!(scene.outcome(session, &pending, &reply).is_some(), "the answer itself is believed");
    (pending, reply)
}

/// Gives a client an answer that `change` has had in hand.
async fn changed(change: impl FnOnce(&Session, &Pending, &mut Vec<u8>)) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (pending, reply) = ask(&scene, &client, &session).await;
    let mut record = reply.body.clone();
    change(&session, &pending, &mut record);
    let refusal = believed(&session, &pending, record);
    assert_eq!(believed(&session, &pending, reply.body), Found::SUCCEEDED, "the answer itself is believed");
    scene.found(refusal)
}

pub(super) async fn an_answer_with_another_value() -> Found {
    changed(|session, pending, record| {
        let reply = Reply { status: 200, body: record.clone() };
        let outcome = strongroom_e2e::outcome(session, pending, &reply).unwrap();
        let Ok(Outcome::Answer(answer)) = Outcome::decode(&outcome) else { panic!("not an answer") };
        let value = answer.outputs[0].data.to_vec();
        let at = outcome.windows(value.len()).rposition(|window| window == value).unwrap();
        *record = flipped(record, BEFORE_OUTCOME + at);
    })
    .await
}

pub(super) async fn an_answer_with_other_padding() -> Found {
    changed(|_, _, record| *record = flipped(record, record.len() - TAG - 1)).await
}

pub(super) async fn an_answer_with_another_tag() -> Found {
    changed(|_, _, record| *record = flipped(record, record.len() - 1)).await
}

pub(super) async fn an_answer_cut_by_a_byte() -> Found {
    changed(|_, _, record| record.truncate(record.len() - 1)).await
}

pub(super) async fn an_answer_cut_in_half() -> Found {
    changed(|_, _, record| record.truncate(record.len() / 2)).await
}

pub(super) async fn an_answer_made_longer() -> Found {
    changed(|_, _, record| record.resize(2 * record.len(), 0)).await
}

pub(super) async fn an_earlier_answer() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (_, earlier) = ask(&scene, &client, &session).await;
    let (pending, _) = ask(&scene, &client, &session).await;
    scene.found(believed(&session, &pending, earlier.body))
}

pub(super) async fn answers_swapped_in_flight() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let ((one, first), (two, second)) =
        tokio::join!(ask(&scene, &client, &session), ask(&scene, &client, &session));
    let refusals = [believed(&session, &one, second.body), believed(&session, &two, first.body)];
    assert_eq!(refusals[0], refusals[1], "both are refused for the same reason");
    scene.found(refusals[0].clone())
}

/// The same request, under the same number of two sessions; the answer of one is given in the other.
fn crossed(scene: &Scene, session: &Session, pending: &Pending, answer: Reply) -> Found {
    scene.found(believed(session, pending, answer.body))
}

pub(super) async fn an_answer_of_another_session() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, one) = session(&scene).await;
    let two = client.session().await.unwrap();
    let asked = request(1);
    let ((message, _), (_, pending)) = (one.seal(&asked).unwrap(), two.seal(&asked).unwrap());
    crossed(&scene, &two, &pending, client.send(&message).await)
}

pub(super) async fn an_answer_to_another_client() -> Found {
    let (scene, [(client, one), (_, two)]) = two_clients().await;
    let asked = request(1);
    let ((message, _), (_, pending)) = (one.seal(&asked).unwrap(), two.seal(&asked).unwrap());
    crossed(&scene, &two, &pending, client.send(&message).await)
}

pub(super) async fn a_request_returned_as_its_answer() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (_, session) = session(&scene).await;
    let (message, pending) = session.seal(&request(1)).unwrap();
    let opened = session.open_answer(&pending, message[REQUEST_HEADER_BYTES..].to_vec());
    scene.found(opened.map_or_else(|error| error.to_string(), |_| Found::SUCCEEDED.to_owned()))
}

/// Has the receipt of an answer judged after `change`, as the client does once it is opened.
async fn receipt(change: impl FnOnce(&mut Vec<u8>, &Receipt, &[u8])) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (client, session) = session(&scene).await;
    let (other_pending, other) = ask(&scene, &client, &session).await;
    let (pending, reply) = ask(&scene, &client, &session).await;
    let (outcome, genuine) = scene.judged(&session, &pending, &reply).unwrap();
    let opened = |pending: &Pending, reply: Reply| {
        let body = session.open_answer(pending, reply.body).unwrap();
        split_answer(body.bytes()).unwrap().receipt.to_vec()
    };
    let (mut document, other) = (opened(&pending, reply), opened(&other_pending, other));
    change(&mut document, &genuine, &other);
    let claims = session.verified().claims();
    let judged = Receipt::judge(&document, claims, pending.request(), OutcomeDigest::of(&outcome));
    scene.found(judged.map_or_else(|error| error.to_string(), |_| Found::SUCCEEDED.to_owned()))
}

pub(super) async fn a_receipt_of_another_answer() -> Found {
    receipt(|document, _, other| *document = other.to_vec()).await
}

pub(super) async fn a_receipt_with_another_signature() -> Found {
    receipt(|document, _, _| *document.last_mut().unwrap() ^= 1).await
}

pub(super) async fn a_receipt_of_another_time() -> Found {
    receipt(|document, genuine, _| {
        let time = genuine.time.as_millis().to_be_bytes();
        let at = document.windows(time.len()).position(|window| window == time).unwrap();
        document[at + time.len() - 2] ^= 1;
    })
    .await
}
