//! The shipped client, and what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strongroom_hostile::{Found, Misdeeds, Scene};
use strongroom_proto::frame::Kind;

/// What the client makes of an answer that `change` has had in hand.
async fn answer_changed(mut change: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Found {
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == Kind::Message && !relay.inbound {
            change(&mut relay.body);
        }
    }));
    scene.found(scene.inference().await.unwrap())
}

pub(super) async fn the_client_gets_another_tag() -> Found {
    answer_changed(|record| *record.last_mut().unwrap() ^= 1).await
}

pub(super) async fn the_client_gets_half_an_answer() -> Found {
    answer_changed(|record| record.truncate(record.len() / 2)).await
}

pub(super) async fn the_client_gets_its_earlier_answer() -> Found {
    let scene = Scene::serving().await.unwrap();
    let mut earlier = None;
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == Kind::Message && !relay.inbound {
            relay.body = earlier.get_or_insert_with(|| relay.body.clone()).clone();
        }
    }));
    assert_eq!(scene.inference().await.unwrap(), Found::SUCCEEDED, "the first answer is its own");
    scene.found(scene.inference().await.unwrap())
}

/// What the client makes of a status that the enclave did not give, for a message that it did not get. What the host
/// says is no refusal of the enclave, which alone has exit code 30.
async fn told(status: u16) -> Found {
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == Kind::Message {
            (relay.passed_on, relay.status) = (false, status);
            relay.body.clear();
        }
    }));
    let ended = scene.inference().await.unwrap();
    scene.found(if ended == "exit 30" { Found::SUCCEEDED.to_owned() } else { ended })
}

pub(super) async fn the_client_is_told_400() -> Found {
    told(400).await
}

pub(super) async fn the_client_is_told_413() -> Found {
    told(413).await
}

pub(super) async fn the_client_is_told_403() -> Found {
    told(403).await
}

pub(super) async fn the_client_is_told_200_with_noise() -> Found {
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == Kind::Message {
            let noise = strongroom_e2e::random::<2048>().to_vec();
            (relay.passed_on, relay.status, relay.body) = (false, 200, noise);
        }
    }));
    // A client that gets as far as reading noise has taken it for the enclave's.
    let ended = scene.inference().await.unwrap();
    scene.found(if ended == "exit 14" { ended } else { Found::SUCCEEDED.to_owned() })
}

pub(super) async fn the_client_is_told_421_for_ever() -> Found {
    /// Attempts after which the host gives in.
    const ENOUGH: usize = 30;
    let scene = Scene::serving().await.unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == Kind::Message && relay.inbound && counted.fetch_add(1, Ordering::SeqCst) < ENOUGH {
            (relay.passed_on, relay.status) = (false, 421);
            relay.body.clear();
        }
    }));
    let ended = scene.inference().await.unwrap();
    let made = attempts.load(Ordering::SeqCst);
    scene.found(if made > ENOUGH { ended } else { format!("{ended} after {made} attempts") })
}
