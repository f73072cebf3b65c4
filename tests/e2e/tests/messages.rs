//! What a host can do to messages: replay, drop, reorder, cut, mix up. And what it cannot.

use strongroom_e2e::{Stage, outcome, random, request};
use strongroom_proto::hello::OfferId;
use strongroom_proto::message::{OPENING_HEADER_BYTES, REQUEST_HEADER_BYTES, request_header};

#[tokio::test]
async fn a_replayed_opening_opens_nothing() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let opened = client.open(client.verify().await.unwrap(), &request(1)).unwrap();
    assert_eq!(client.send(&opened.message).await.status, 200);
    assert_eq!(client.send(&opened.message).await.status, 421);
}

#[tokio::test]
async fn of_copies_sent_at_once_exactly_one_is_answered() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    for _ in 0..10 {
        let (message, _) = session.seal(&request(1)).unwrap();
        let copies =
            [client.send(&message), client.send(&message), client.send(&message), client.send(&message)];
        let [a, b, c, d] = copies;
        let replies = tokio::join!(a, b, c, d);
        let statuses = [replies.0.status, replies.1.status, replies.2.status, replies.3.status];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 3, "{statuses:?}");
    }
}

#[tokio::test]
async fn lost_and_overtaking_requests_are_fine() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let mut sealed: Vec<_> = (0..20).map(|_| session.seal(&request(1)).unwrap()).collect();
    sealed.retain(|_| random::<1>()[0] > 85);
    for (message, pending) in sealed.iter().rev() {
        let reply = client.send(message).await;
        assert!(outcome(&session, pending, &reply).is_some());
    }
}

#[tokio::test]
async fn numbers_older_than_the_window_are_refused() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let (old, _) = session.seal(&request(1)).unwrap();
    let newest = (0..1100).map(|_| session.seal(&[]).unwrap()).last().unwrap();
    assert_eq!(client.send(&newest.0).await.status, 200);
    assert_eq!(client.send(&old).await.status, 400);
}

#[tokio::test]
async fn a_message_of_another_session_or_client_is_refused() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let (one, two) = (client.session().await.unwrap(), client.session().await.unwrap());
    let (message, pending) = one.seal(&request(1)).unwrap();
    let record = &message[REQUEST_HEADER_BYTES..];
    let spliced = [request_header(two.id(), 1), record.to_vec()].concat();
    assert_eq!(client.send(&spliced).await.status, 400);
    let reply = client.send(&message).await;
    assert!(outcome(&one, &pending, &reply).is_some(), "the forgery did not use up the number");
    let (_, other) = two.seal(&request(1)).unwrap();
    assert!(outcome(&two, &other, &reply).is_none(), "an answer to one session opens in no other");
}

#[tokio::test]
async fn an_answer_opens_for_its_own_request_alone() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let session = client.session().await.unwrap();
    let (first, first_pending) = session.seal(&request(1)).unwrap();
    let (_, second_pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&first).await;
    assert!(outcome(&session, &second_pending, &reply).is_none());
    assert!(outcome(&session, &first_pending, &reply).is_some());
}

#[tokio::test]
async fn another_clients_offer_cannot_be_opened() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let (mine, yours) = (client.verify().await.unwrap(), client.verify().await.unwrap());
    let offer = yours.offer();
    let mut opened = client.open(mine, &[]).unwrap();
    opened.message[1..17].copy_from_slice(offer.as_bytes());
    assert_eq!(client.send(&opened.message).await.status, 421);
}

/// Every client of a batch sees every offer id and the same evidence, but not the others' nonces: it can
/// neither open their offers nor use them up.
#[tokio::test]
async fn a_client_of_the_same_batch_cannot_burn_an_offer() {
    let stage = Stage::serving().await.unwrap();
    let (victim, peer) = (stage.client().unwrap(), stage.client().unwrap());
    let mut together = None;
    for _ in 0..50 {
        let ((nonce, reply), (peers, other)) = tokio::join!(victim.hello(), peer.hello());
        if reply.body == other.body {
            together = Some((nonce, peers, reply));
            break;
        }
    }
    let (nonce, peers, reply) = together.expect("two hellos in one batch");
    let verified = victim.judge(nonce, &reply.body).unwrap();
    let offer = verified.offer();
    let mut forged = peer.open(peer.judge(peers, &reply.body).unwrap(), &[]).unwrap().message;
    forged[1..17].copy_from_slice(offer.as_bytes());
    assert_eq!(peer.send(&forged).await.status, 421);
    let opened = victim.open(verified, &[]).unwrap();
    let reply = victim.send(&opened.message).await;
    assert!(outcome(&opened.session, &opened.pending, &reply).is_some(), "the offer is still the victim's");
}

#[tokio::test]
async fn unknown_sessions_and_cut_messages_get_a_code_and_nothing_else() {
    let stage = Stage::serving().await.unwrap();
    let client = stage.client().unwrap();
    let unknown = [request_header(OfferId::new(random()), 1), vec![0; 1024]].concat();
    let reply = client.send(&unknown).await;
    assert_eq!(reply.status, 421);
    let session = client.session().await.unwrap();
    let (message, pending) = session.seal(&request(1)).unwrap();
    for length in [0, 1, 17, REQUEST_HEADER_BYTES, REQUEST_HEADER_BYTES + 512, message.len() - 1] {
        assert_eq!(client.send(&message[..length]).await.status, 400, "cut to {length}");
    }
    let reply = client.send(&message).await;
    assert!(outcome(&session, &pending, &reply).is_some(), "cut copies do not use up the number");
    let opened = client.open(client.verify().await.unwrap(), &[]).unwrap();
    let cut = &opened.message[..OPENING_HEADER_BYTES - 1];
    assert_eq!(client.send(cut).await.status, 400);
}
