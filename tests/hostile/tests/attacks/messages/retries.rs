//! Requests that are made again because the host says that they were lost. The receipt says what they cost.

use ring::digest::{SHA256, digest};
use strongroom_e2e::request;
use strongroom_hostile::{Client, Found, Misdeeds, Scene, SceneOptions};
use strongroom_proto::frame::Kind;

const ALLOWANCE: u64 = 10;

/// What a client is told of an answer that is dropped (502, bad gateway).
const LOST: u16 = 502;

/// A scene with a key that has an allowance of rows.
async fn scene() -> (Scene, Client) {
    let key: [u8; 32] = strongroom_e2e::random();
    let policy = format!(
        "[model.fraud]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n\
         [role.trial]\nrows = {ALLOWANCE}\n[[key]]\nsha256 = \"{}\"\nrole = \"trial\"\n",
        hex::encode(digest(&SHA256, &key))
    );
    let options = SceneOptions { policy: Some(policy), ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |_, _| Ok(())).await.unwrap();
    scene.wait_until_serving().await.unwrap();
    let client = scene.client_with(key).unwrap();
    (scene, client)
}

/// One row was asked for, however often.
fn charged(left: Option<u64>) -> String {
    match left {
        Some(left) if left < ALLOWANCE - 1 => Found::SUCCEEDED.to_owned(),
        left => format!("{} of {ALLOWANCE} rows left", left.unwrap_or_default()),
    }
}

pub(super) async fn a_false_421() -> Found {
    let (scene, client) = scene().await;
    let (asked, session) = (request(1), client.session().await.unwrap());
    let (message, _) = session.seal(&asked).unwrap();
    scene.host.turns_to(Misdeeds::default().relayed(|relay| {
        if relay.kind == Kind::Message && !relay.inbound {
            assert_eq!(relay.status, 200, "the request is served");
            relay.status = 421;
            relay.body.clear();
        }
    }));
    assert_eq!(client.send(&message).await.status, 421);
    scene.host.turns_to(Misdeeds::default());
    let again = client.open(client.verify().await.unwrap(), &asked).unwrap();
    let reply = client.send(&again.message).await;
    let (_, receipt) = scene.judged(&again.session, &again.pending, &reply).unwrap();
    scene.found(charged(receipt.budget.rows))
}

/// The host drops so many answers, and the client asks the same until one comes.
async fn dropped(dropped: usize) -> Found {
    let (scene, client) = scene().await;
    let (asked, session) = (request(1), client.session().await.unwrap());
    let mut lost = 0;
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == Kind::Message && !relay.inbound && lost < dropped {
            assert_eq!(relay.status, 200, "the request is served");
            (relay.status, lost) = (LOST, lost + 1);
            relay.body.clear();
        }
    }));
    for _ in 0..dropped {
        let (message, _) = session.seal(&asked).unwrap();
        assert_eq!(client.send(&message).await.status, LOST);
    }
    let (message, pending) = session.seal(&asked).unwrap();
    let (_, receipt) = scene.judged(&session, &pending, &client.send(&message).await).unwrap();
    scene.found(charged(receipt.budget.rows))
}

pub(super) async fn a_dropped_answer() -> Found {
    dropped(1).await
}

pub(super) async fn ten_dropped_answers() -> Found {
    dropped(10).await
}
