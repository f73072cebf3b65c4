//! Requests and answers under way.

mod answers;
mod client;
mod late;
mod openings;
mod read;
mod replays;
mod requests;
mod retries;
mod sizes;

use ring::digest::{SHA256, digest};
use strongroom_attestation::channel::{Pending, Session};
use strongroom_attestation::receipt::Receipt;
use strongroom_e2e::Reply;
use strongroom_hostile::{Client, Found, Scene, SceneOptions};
use strongroom_seal::digest::OutcomeDigest;
use strongroom_seal::message::split_answer;

use super::attacks;
use answers::*;
use client::*;
use late::*;
use openings::*;
use read::*;
use replays::*;
use requests::*;
use retries::*;
use sizes::*;

attacks! { Messages;
    /// reads every message of its clients: API keys, what they ask, and how they begin
    what_clients_send("the host reads API keys and requests", "none of it is in clear", "requests-sealed");
    /// reads every answer to its clients
    what_clients_get("the host reads answers", "none of it is in clear", "answers-sealed");

    /// sends a request a second time
    a_replayed_request("a request is served twice, and charged twice", "400", "number-once");
    /// sends a request again after 1023 newer numbers
    a_replayed_request_at_the_edge_of_the_window("a request is served twice, and charged twice", "400", "number-once");
    /// sends four copies of a request at once
    copies_of_a_request_at_once("a request is served twice, and charged twice", "200 400 400 400", "number-once");
    /// holds a request back until 1100 newer numbers were used
    a_request_below_the_window("numbers that no memory of a session covers are accepted, used or not", "400", "number-window");
    /// sends a request again to the enclave of a later boot
    a_request_replayed_to_another_boot("a request is served once for each boot", "421", "session-known");
    /// sends a request of a session from before a newer release
    a_request_of_a_session_before_a_swap("a client is answered under another release than it verified", "421", "sessions-end");
    /// sends an opening that was made before a newer release
    an_opening_made_before_a_swap("a client is answered under another release than it verified", "421", "offers-end");
    /// sends an opening a second time
    a_replayed_opening("a session that the client did not ask for", "421", "offer-once");
    /// sends four copies of an opening at once
    copies_of_an_opening_at_once("two sessions with the same keys", "200 421 421 421", "offer-once");
    /// sends an opening again to the enclave of a later boot
    an_opening_replayed_to_another_boot("a request is served once for each boot", "421", "offer-known");

    /// makes the opening a kind that does not exist
    an_opening_of_an_unknown_kind("a message that nobody sent is answered", "400", "message-form");
    /// makes the opening a request
    an_opening_made_a_request("an opening counts as a request of some session", "421", "session-known");
    /// changes the offer id of an opening
    an_opening_of_another_offer("a session under an offer that was never made", "421", "offer-known");
    /// changes the nonce of an opening
    an_opening_with_another_nonce("others of a batch use up a client's offer", "421", "offer-nonce");
    /// puts the offer of one client into the opening of another with another API key
    an_opening_for_another_clients_offer("others of a batch use up a client's offer", "421", "offer-nonce");
    /// changes the part of the encapsulated key that is of ML-KEM
    an_opening_with_another_lattice_key("a session with keys that the client does not have", "400", "record-authentic");
    /// changes the part of the encapsulated key that is of X25519
    an_opening_with_another_curve_key("a session with keys that the client does not have", "400", "record-authentic");
    /// changes the ciphertext of an opening
    an_opening_with_other_ciphertext("an API key or a request that the client did not send", "400", "record-authentic");
    /// changes the tag of an opening
    an_opening_with_another_tag("a message that is not known to be the client's is taken for it", "400", "record-authentic");
    /// puts the record of one client's opening behind the header of another's with another API key
    openings_with_their_records_swapped("a client's request runs in the session of another", "400", "session-keys");
    /// cuts the last byte off an opening
    an_opening_cut_short("a message that is not known to be the client's is taken for it", "400", "record-authentic");

    /// makes the request a kind that does not exist
    a_request_of_an_unknown_kind("a message that nobody sent is answered", "400", "message-form");
    /// makes the request an opening
    a_request_made_an_opening("a request counts as an opening of some offer", "421", "offer-known");
    /// changes the session id of a request
    a_request_of_another_session("a request is answered to nobody's session", "421", "session-known");
    /// changes the number of a request to one that is free
    a_request_under_another_number("a request is served twice under two numbers", "400", "record-authentic");
    /// changes the number of a request to 0, that of the opening
    a_request_under_number_0("an opening's number is used again", "400", "message-form");
    /// changes the number of a request to the largest there is
    a_request_under_the_largest_number("all further requests of the session are below its window", "400", "record-authentic");
    /// changes the number of a request to one far ahead
    a_request_under_a_number_far_ahead("all further requests of the session are below its window", "400", "record-authentic");
    /// changes the ciphertext of a request
    a_request_with_other_ciphertext("inputs that the client did not send", "400", "record-authentic");
    /// changes the tag of a request
    a_request_with_another_tag("a message that is not known to be the client's is taken for it", "400", "record-authentic");
    /// cuts the last byte off a request
    a_request_cut_short("a message that is not known to be the client's is taken for it", "400", "record-authentic");
    /// adds a byte to a request
    a_request_with_a_byte_more("sizes between the powers of two, which tell requests apart", "400", "record-authentic");
    /// puts the record of a request under another session of the same client
    a_request_under_another_session("a request is served in a session that it was not sealed for", "400", "session-keys");
    /// puts the record of a request under the session of another client with another API key
    a_request_under_another_clients_session("a request is charged to another client's key", "400", "session-keys");

    /// changes a value in an answer
    an_answer_with_another_value("a wrong answer is believed", "record is not authentic", "record-authentic");
    /// changes the padding of an answer
    an_answer_with_other_padding("an answer that is not known to be the enclave's is believed", "record is not authentic", "record-authentic");
    /// changes the tag of an answer
    an_answer_with_another_tag("an answer that is not known to be the enclave's is believed", "record is not authentic", "record-authentic");
    /// cuts the last byte off an answer
    an_answer_cut_by_a_byte("an answer that is not known to be the enclave's is believed", "record is not authentic", "record-authentic");
    /// cuts an answer to the next smaller size there is
    an_answer_cut_in_half("an answer that is not known to be the enclave's is believed", "record is not authentic", "record-authentic");
    /// doubles an answer to the next larger size there is
    an_answer_made_longer("an answer that is not known to be the enclave's is believed", "record is not authentic", "record-authentic");
    /// gives the answer of an earlier request for a later one
    an_earlier_answer("an answer is believed that is to another request", "record is not authentic", "answer-of-its-request");
    /// swaps the answers of two requests in flight
    answers_swapped_in_flight("an answer is believed that is to another request", "record is not authentic", "answer-of-its-request");
    /// gives the answer of one session in another, to the same request under the same number
    an_answer_of_another_session("answers pass between sessions", "record is not authentic", "session-keys");
    /// gives one client's answer to another client with another API key, to the same request under the same number
    an_answer_to_another_client("answers pass between clients", "record is not authentic", "session-keys");
    /// returns the request as its own answer
    a_request_returned_as_its_answer("what a client says is believed to be the enclave's", "record is not authentic", "direction-keys");
    /// has the receipt of another answer judged
    a_receipt_of_another_answer("a receipt proves an answer that was not given", "the receipt is about another request or answer", "receipt-binds");
    /// has a receipt judged whose signature is changed
    a_receipt_with_another_signature("receipts that the enclave did not sign", "the receipt is not signed by the key of the claims", "receipt-signature");
    /// has a receipt judged whose time is changed
    a_receipt_of_another_time("receipts that the enclave did not sign", "the receipt is not signed by the key of the claims", "receipt-signature");

    /// gives the shipped client an answer whose tag is changed
    the_client_gets_another_tag("a wrong answer is believed", "exit 14", "record-authentic");
    /// gives the shipped client an answer that is cut in half
    the_client_gets_half_an_answer("a wrong answer is believed", "exit 14", "record-authentic");
    /// gives the shipped client the answer of its earlier call
    the_client_gets_its_earlier_answer("an answer is believed that is to another request", "exit 14", "session-keys");
    /// tells the shipped client that its message is malformed
    the_client_is_told_400("the word of the host counts as a refusal of the enclave", "exit 1", "host-proves-nothing");
    /// tells the shipped client that its message is too large
    the_client_is_told_413("the word of the host counts as a refusal of the enclave", "exit 1", "host-proves-nothing");
    /// tells the shipped client something that no host says
    the_client_is_told_403("the word of the host counts as a refusal of the enclave", "exit 1", "host-proves-nothing");
    /// tells the shipped client that all is well, and gives it random bytes of an answer's size
    the_client_is_told_200_with_noise("the word of the host counts as an answer of the enclave", "exit 14", "record-authentic");
    /// tells the shipped client again and again that its session is lost
    the_client_is_told_421_for_ever("a client asks without end", "exit 40 after 12 attempts", "attempts-bounded");

    /// holds evidence back until after the client's deadline
    evidence_past_the_deadline("a client waits as long as the host likes", "the host did not answer in time", "client-deadline");
    /// holds an answer back until after the client's deadline
    an_answer_past_the_deadline("a client waits as long as the host likes", "the host did not answer in time", "client-deadline");

    /// tells a client that its session is lost once its request was served, so that it asks again in a new one
    a_false_421("a request is served twice, and charged twice", "9 of 10 rows left", "served-once");
    /// drops an answer, so that the client asks again in the same session
    a_dropped_answer("a request is served twice, and charged twice", "9 of 10 rows left", "served-once");
    /// drops ten answers to a request, one after the other
    ten_dropped_answers("a request is served twice, and charged twice", "9 of 10 rows left", "served-once");

    /// compares the answer to a key of another deployment with that to an accepted one
    the_size_of_a_refused_key("the host learns which keys are accepted", "200 with 2048 bytes, as for any answer", "refusals-of-one-size");
    /// compares the later answers to a key of another deployment with those to an accepted one
    the_size_of_a_refused_request("the host learns which keys are accepted", "200 with 2048 bytes, as for any answer", "refusals-of-one-size");
    /// compares the answer to what is no request with that to a request
    the_size_of_a_malformed_request("the host learns which requests are refused", "200 with 2048 bytes, as for any answer", "refusals-of-one-size");
    /// compares the answer to a request for a model that is not there with that to a request
    the_size_of_an_unknown_model("the host learns which requests are refused", "200 with 2048 bytes, as for any answer", "refusals-of-one-size");
    /// compares the answer to inputs that do not fit with that to a request
    the_size_of_inputs_that_do_not_fit("the host learns which requests are refused", "200 with 2048 bytes, as for any answer", "refusals-of-one-size");
    /// compares the answers to one row and to four
    the_size_of_four_rows("the host learns how much a client asks", "200 with 2048 bytes, as for any answer", "answers-of-one-size");
}

/// A client with an open session.
async fn session(scene: &Scene) -> (Client, Session) {
    let client = scene.client().unwrap();
    let session = client.session().await.unwrap();
    (client, session)
}

/// Two clients, each with an API key of its own that the owner listed.
async fn strangers() -> (Scene, [Client; 2]) {
    let keys: [[u8; 32]; 2] = [strongroom_e2e::random(), strongroom_e2e::random()];
    let listed = keys.map(|key| format!("[[key]]\nsha256 = \"{}\"\n", hex::encode(digest(&SHA256, &key))));
    let model = "[model.fraud]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n";
    let policy = Some(format!("{model}{}", listed.concat()));
    let options = SceneOptions { policy, ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |_, _| Ok(())).await.unwrap();
    scene.wait_until_serving().await.unwrap();
    let clients = keys.map(|key| scene.client_with(key).unwrap());
    (scene, clients)
}

/// The same, each with an open session.
async fn two_clients() -> (Scene, [(Client, Session); 2]) {
    let (scene, [one, two]) = strangers().await;
    let (first, second) = (one.session().await.unwrap(), two.session().await.unwrap());
    (scene, [(one, first), (two, second)])
}

/// The status of what should not have been answered.
fn answered(status: u16) -> String {
    if status == 200 { Found::SUCCEEDED.to_owned() } else { status.to_string() }
}

/// The statuses of copies of which one alone may be answered, in order of size.
fn answered_once(replies: impl IntoIterator<Item = Reply>) -> String {
    let mut statuses: Vec<_> = replies.into_iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    if statuses.iter().filter(|status| **status == 200).count() > 1 {
        return Found::SUCCEEDED.to_owned();
    }
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// How a client judges an answer that should not be believed.
fn believed(session: &Session, pending: &Pending, record: Vec<u8>) -> String {
    let body = match session.open_answer(pending, record) {
        Ok(body) => body,
        Err(error) => return error.to_string(),
    };
    let Some(parts) = split_answer(body.bytes()) else { return "not an answer".to_owned() };
    let (claims, outcome) = (session.verified().claims(), OutcomeDigest::of(parts.outcome));
    match Receipt::judge(parts.receipt, claims, pending.request(), outcome) {
        Ok(_) => Found::SUCCEEDED.to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A copy with one bit of one byte changed.
fn flipped(message: &[u8], position: usize) -> Vec<u8> {
    let mut changed = message.to_vec();
    changed[position] ^= 1;
    changed
}
