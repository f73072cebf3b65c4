//! How the client library opens its sessions.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strongroom_client::{Client, Options, TrustFile, api_key};
use strongroom_e2e::{Stage, StageOptions, now};
use strongroom_proto::frame::Kind;
use strongroom_sim::intercept::{Meddle, Passing};
use strongroom_sim::world::{READY, wait_for};

use crate::load::row;

/// Age at which the client under test has its enclave prove itself again.
const AGE: Duration = Duration::from_secs(60);

/// Longest wait for what does not wait for an inference.
const SOON: Duration = Duration::from_secs(10);

/// Counts messages to the enclave, and holds up each from the `held`th on until the sender is dropped.
fn counting(held: usize) -> (Meddle, Arc<AtomicUsize>, Sender<()>) {
    let (sender, receiver) = channel();
    let (seen, receiver) = (Arc::new(AtomicUsize::new(0)), Mutex::new(receiver));
    let count = Arc::clone(&seen);
    let meddle: Meddle = Arc::new(move |passing: Passing<'_>| {
        if passing.inbound
            && passing.kind == Kind::Message
            && count.fetch_add(1, Ordering::SeqCst) + 1 >= held
        {
            // The thread that waits may be the one that everybody's timers hang on.
            let _ = tokio::task::block_in_place(|| receiver.lock().unwrap().recv_timeout(READY));
        }
    });
    (meddle, seen, sender)
}

/// Hellos and messages on their way to the enclave, each a round trip of the client that waits for it.
fn noting() -> (Meddle, Arc<Mutex<Vec<Kind>>>) {
    let trips: Arc<Mutex<Vec<Kind>>> = Arc::default();
    let noted = Arc::clone(&trips);
    let meddle: Meddle = Arc::new(move |passing: Passing<'_>| {
        if passing.inbound && matches!(passing.kind, Kind::Hello | Kind::Message) {
            noted.lock().unwrap().push(passing.kind);
        }
    });
    (meddle, trips)
}

/// A client, and how many milliseconds its clock is ahead.
fn client(stage: &Stage) -> (Client, Arc<AtomicU64>) {
    let layout = &stage.ground.layout;
    let trust = TrustFile::parse(&std::fs::read(layout.trust()).unwrap()).unwrap();
    let key = std::fs::read_to_string(layout.api_key()).unwrap();
    let ahead = Arc::new(AtomicU64::new(0));
    let clock = {
        let ahead = Arc::clone(&ahead);
        Arc::new(move || now().plus(Duration::from_millis(ahead.load(Ordering::SeqCst))))
    };
    let options = Options { clock, session_age: AGE, ..Options::default() };
    let key = api_key::parse(key.trim()).unwrap();
    (Client::connect(&stage.host.url(), trust, key, options).unwrap(), ahead)
}

#[tokio::test]
async fn a_first_answer_takes_two_round_trips_a_later_one_one_and_one_after_a_renewal_three() {
    let (meddle, trips) = noting();
    let stage = Stage::set(StageOptions { meddle: Some(meddle), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let (client, ahead) = client(&stage);
    let asked = async |seed| {
        assert!(client.infer(row(seed)).await.is_ok());
        std::mem::take(&mut *trips.lock().unwrap())
    };
    assert_eq!(asked(1).await, [Kind::Hello, Kind::Message], "the request travels with its opening");
    assert_eq!(asked(2).await, [Kind::Message]);
    ahead.store(2 * u64::try_from(AGE.as_millis()).unwrap(), Ordering::SeqCst);
    assert_eq!(
        asked(3).await,
        [Kind::Hello, Kind::Message, Kind::Message],
        "an opening, and then the request"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_the_inference_of_whoever_opens_a_session_again() {
    // The first request travels with its opening; then an opening, and the request that is held up.
    let (meddle, seen, release) = counting(3);
    let stage = Stage::set(StageOptions { meddle: Some(meddle), ..StageOptions::default() }).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let (client, ahead) = client(&stage);
    let client = Arc::new(client);
    let first = client.infer(row(1)).await.ok().unwrap().receipt;
    assert_eq!(seen.load(Ordering::SeqCst), 1, "the opening alone");

    ahead.store(2 * u64::try_from(AGE.as_millis()).unwrap(), Ordering::SeqCst);
    let asking = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.infer(row(2)).await.map(|answer| answer.receipt).map_err(|error| error.to_string()) }
    });
    assert!(
        wait_for(SOON, async || seen.load(Ordering::SeqCst) == 3).await,
        "an opening, and then the request"
    );
    let session = tokio::time::timeout(SOON, client.session()).await;
    assert!(
        session.is_ok_and(|session| session.is_ok()),
        "the session is open while its request is answered"
    );
    assert!(!asking.is_finished());
    drop(release);
    let second = asking.await.unwrap().unwrap();
    assert_eq!(second.boot, first.boot);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}
