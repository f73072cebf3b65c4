//! What the host says when the enclave asks.

use std::time::Duration;

use strongroom_hostile::{Found, Misdeeds, Scene};
use strongroom_proto::frame::{HEADER_BYTES, Kind};
use strongroom_sim::world::wait_for;

use super::between::{Between, Lie};
use super::raw::{frame, header, honest, kind};

/// Lies once, when the enclave asks for its boot documents, and is honest from then on.
async fn once(lie: impl Fn(u32, Vec<u8>) -> Lie + Send + 'static, refusal: &str) -> Found {
    let scene = Scene::serving().await.unwrap();
    let mut is_over = false;
    let between = Between::start(&scene, move |asked, id, answer| {
        if asked == kind::BOOT && !is_over {
            is_over = true;
            return lie(id, answer);
        }
        Lie { bytes: answer, is_end: false }
    });
    let serves = between.serves().await;
    honest(&scene).await;
    scene.found(if serves { refusal } else { Found::SUCCEEDED })
}

const DIALS_AGAIN: &str = "it dials again, and serves";
const SERVES: &str = "it serves all the same";

pub(super) async fn a_host_that_hangs_up() -> Found {
    once(|_, _| Lie { bytes: Vec::new(), is_end: true }, DIALS_AGAIN).await
}

pub(super) async fn a_host_that_hangs_up_inside_an_answer() -> Found {
    once(|_, answer| Lie { bytes: answer[..answer.len() / 2].to_vec(), is_end: true }, DIALS_AGAIN).await
}

pub(super) async fn a_host_that_hangs_up_inside_a_header() -> Found {
    once(|_, answer| Lie { bytes: answer[..HEADER_BYTES / 2].to_vec(), is_end: true }, DIALS_AGAIN).await
}

pub(super) async fn a_host_of_an_unknown_kind() -> Found {
    once(|id, _| Lie { bytes: frame(99, id, b""), is_end: false }, DIALS_AGAIN).await
}

pub(super) async fn a_host_that_asks_in_reply() -> Found {
    once(|id, _| Lie { bytes: frame(kind::STATUS, id, b""), is_end: false }, DIALS_AGAIN).await
}

pub(super) async fn a_host_that_announces_4_gib() -> Found {
    let announced = |id| header(u32::MAX as usize, kind::HOST_REPLY, id);
    once(move |id, _| Lie { bytes: announced(id), is_end: false }, DIALS_AGAIN).await
}

pub(super) async fn a_host_that_answers_another_question() -> Found {
    let other = |id: u32| frame(kind::HOST_REPLY, id.wrapping_add(1), b"another answer");
    once(move |id, answer| Lie { bytes: [other(id), answer].concat(), is_end: false }, SERVES).await
}

pub(super) async fn a_host_that_answers_nothing_20000_times() -> Found {
    let others = |id: u32| {
        (1..=20_000).flat_map(move |more| frame(kind::HOST_REPLY, id.wrapping_add(more), b"nothing"))
    };
    once(move |id, answer| Lie { bytes: others(id).chain(answer).collect(), is_end: false }, SERVES).await
}

/// An answer to one kind of question has a byte too many.
fn a_byte_more(to: Kind) -> Misdeeds {
    Misdeeds::default().told(move |kind, _, honest| {
        let mut honest = honest?;
        // Behind the end of a package there is nothing, of which more would be no more than was asked for.
        if kind == to && !honest.is_empty() {
            honest.push(0);
        }
        Some(honest)
    })
}

pub(super) async fn boot_documents_with_a_byte_more() -> Found {
    let scene = Scene::set(a_byte_more(Kind::Boot)).await.unwrap();
    // Until somebody has taken note of its end, a process that ended is still listed as such.
    let stat = format!("/proc/{}/stat", scene.enclave.id().unwrap());
    let ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let serves = async || scene.status().await.is_some_and(|status| status.serving);
    assert!(wait_for(Duration::from_secs(10), async || ended() || serves().await).await);
    scene.found(if ended() { "the enclave ended" } else { Found::SUCCEEDED })
}

pub(super) async fn credentials_with_a_byte_more() -> Found {
    let scene = Scene::set(a_byte_more(Kind::Credentials)).await.unwrap();
    scene.found(scene.refusal().await.unwrap())
}

pub(super) async fn a_range_longer_than_asked() -> Found {
    let scene = Scene::set(a_byte_more(Kind::Range)).await.unwrap();
    scene.found(scene.refusal().await.unwrap())
}
