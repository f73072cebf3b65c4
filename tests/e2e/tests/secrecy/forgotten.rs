//! What the enclave has forgotten: a data key once its package is open, a request and the API key once they are answered, weights,
//! remembered answers and the keys of all sessions once another release is served.
//!
//! Each search is made twice, the first time while the thing has to be there: that it is not found later means something then.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use strongroom_client::InferRequest;
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::memory::{Needle, Needles, keys_in, memory_of};
use strongroom_sim::world::{ModelSource, READY, ReleasePlan, bundled_model, wait_for};

use super::wire::Valve;
use super::{Scene, WINDOW_BYTES, floats, weights};
use crate::load;
use crate::memory::linear_model;

/// Time after which nothing is left.
const GONE: Duration = Duration::from_secs(5);

/// Windows of weights of the bundled model, all of which are there while it is served.
const WINDOWS: usize = 480;

/// How many of them may be left: the engine keeps the tile that a thread multiplied last for its next run, and in it a few
/// numbers of a bias may lie.
const LEFT_IN_SCRATCH: usize = 6;

/// Rows of a request that keeps a model busy long enough to be looked at.
const ROWS: usize = 1024;

/// Sessions that are open when another release comes.
const SESSIONS: usize = 32;

/// Looks at a moment of a busy enclave until what is looked for was there.
const LOOKS: usize = 60;

impl Scene {
    fn found(&self, needles: &Needles) -> Vec<String> {
        let memory = memory_of(self.enclave.id().expect("the enclave runs"));
        needles.found_in(&memory).into_iter().collect()
    }

    /// Looks while nothing moves.
    fn found_at_a_moment(&self, needles: &Needles) -> Vec<String> {
        let enclave = self.enclave.id().expect("the enclave runs").to_string();
        let signal = |name: &str| {
            let sent = Command::new("kill").args([name, &enclave]).status().unwrap();
            assert!(sent.success(), "kill {name}");
        };
        signal("-STOP");
        let found = self.found(needles);
        signal("-CONT");
        found
    }

    #[track_caller]
    fn assert_forgotten(&self, what: &str, needles: &Needles) {
        let found = self.found(needles);
        assert!(found.is_empty(), "{what}: the enclave still holds {found:?}");
    }
}

/// A model of one product, and the file it is sealed from.
fn linear(folder: &tempfile::TempDir, id: &str, width: usize) -> ModelSource {
    let onnx = folder.path().join(format!("{width}.onnx"));
    std::fs::write(&onnx, linear_model(width)).unwrap();
    ModelSource { id: id.parse().unwrap(), onnx, arguments: vec![] }
}

fn row(model: &str, input: &str, shape: [usize; 2], data: Vec<u8>) -> InferRequest<'static> {
    let shape = shape.map(|length| length as u64).to_vec();
    let input = Tensor { name: input.to_owned().into(), dtype: DType::Fp32, shape, data: data.into() };
    InferRequest { model: model.parse().unwrap(), inputs: vec![input], ..load::row(0) }
}

/// The larger of two models is held up in the middle of its package.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_key_is_gone_once_its_package_is_open() {
    const WIDTH: usize = 2048;
    let folder = tempfile::tempdir().unwrap();
    let large = linear(&folder, "large@1", WIDTH);
    let models = vec![bundled_model().unwrap(), large.clone()];
    let valve = Valve::closed_beyond(WIDTH * WIDTH * 2);
    let scene = Scene::set_with(models, valve.clone()).await;
    valve.reached().await;
    let key = |id, name: &str| Needles::new(Needle::in_all_forms(name, &scene.data_key(id)));
    let (open, held) =
        (key(&bundled_model().unwrap().id, "the key of fraud"), key(&large.id, "the key of large"));
    assert!(!scene.found(&held).is_empty(), "a key in use is not found: the search is blind");
    scene.assert_forgotten("one package open, another one on its way", &open);

    valve.open();
    let client = load::client(&scene.ground.layout, &scene.host.url());
    let loaded = async || client.infer(row("large", "x", [1, WIDTH], vec![0; WIDTH * 4])).await.is_ok();
    assert!(wait_for(READY, loaded).await, "the larger model does not load");
    scene.assert_forgotten("both packages open", &open);
    scene.assert_forgotten("both packages open", &held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_api_key_are_gone_once_it_is_answered() {
    let scene = Arc::new(Scene::set().await);
    let random = strongroom_e2e::random::<{ ROWS * 30 * 2 }>();
    // Between 1 and 2, in steps that never look like filler.
    let values: Vec<f32> = random
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| 1.0 + f32::from(u16::from_le_bytes(*pair)) / 65_536.0)
        .collect();
    let data = floats(&values);
    let windows = data.chunks_exact(WINDOW_BYTES).enumerate();
    let request =
        Needles::new(windows.map(|(number, window)| Needle::new(format!("window {number}"), window)));
    let key = Needles::new(Needle::in_all_forms("the API key", &scene.api_key()));

    let ended = Arc::new(AtomicBool::new(false));
    let asking = (0..3).map(|_| {
        let (scene, ended, data) = (Arc::clone(&scene), Arc::clone(&ended), data.clone());
        tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                // A new client each time, so that the API key comes with the request.
                let client = load::client(&scene.ground.layout, &scene.host.url());
                client.infer(row("fraud", "X", [ROWS, 30], data.clone())).await.unwrap();
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    let (mut saw_request, mut saw_key) = (false, false);
    for _ in 0..LOOKS {
        saw_request |= !scene.found_at_a_moment(&request).is_empty();
        saw_key |= !scene.found_at_a_moment(&key).is_empty();
        if saw_request && saw_key {
            break;
        }
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    ended.store(true, Ordering::Relaxed);
    for asking in asking {
        asking.await.unwrap();
    }
    assert!(saw_request && saw_key, "request seen: {saw_request}, key seen: {saw_key}: the search is blind");
    for (what, needles) in [("every request is answered", &request), ("every session is open", &key)] {
        let gone = async || scene.found(needles).is_empty();
        assert!(wait_for(GONE, gone).await, "{what}: the enclave still holds {:?}", scene.found(needles));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_and_remembered_answers_are_gone_once_another_release_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set().await;
    let client = load::client(&scene.ground.layout, &scene.host.url());
    let rows: Vec<f32> = crate::controls::payments(16).concat();
    let answer = client.infer(row("fraud", "X", [16, 30], floats(&rows))).await.unwrap();
    let scores = answer.outputs.iter().find(|output| output.name == "probabilities").unwrap();
    let answer = Needles::new([Needle::new("the answer's scores", &scores.data)]);
    let weights = Needles::new(weights());
    let before = scene.found(&weights);
    assert!(before.len() > WINDOWS * 9 / 10, "the search is blind: {} of {WINDOWS}", before.len());
    assert!(!scene.found(&answer).is_empty(), "a remembered answer is not found: the search is blind");

    let plan = ReleasePlan { epoch: 2, models: vec![linear(&folder, "other@1", 64)], policy: None };
    scene.owner.release(&plan).await.unwrap();
    let swapped = async || client.infer(row("other", "x", [1, 64], vec![0; 64 * 4])).await.is_ok();
    assert!(wait_for(READY, swapped).await, "the newer release does not answer");
    for (what, needles, left) in [("weights", &weights, LEFT_IN_SCRATCH), ("answers", &answer, 0)] {
        let gone = async || scene.found(needles).len() <= left;
        let found = || scene.found(needles);
        assert!(
            wait_for(GONE, gone).await,
            "{what} of an older release: the enclave still holds {:?}",
            found()
        );
    }
    let after = scene.found(&weights);
    eprintln!(
        "{} windows of weights were there before the swap, {} after it: {after:?}",
        before.len(),
        after.len()
    );
}

/// A session has a key for either direction.
#[tokio::test(flavor = "multi_thread")]
async fn session_keys_are_in_the_enclave_alone_and_gone_once_another_release_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set().await;
    let held = || keys_in(&memory_of(scene.enclave.id().expect("the enclave runs")));
    let before = held();
    let clients: Vec<_> =
        (0..SESSIONS).map(|_| load::client(&scene.ground.layout, &scene.host.url())).collect();
    for client in &clients {
        client.infer(load::row(0)).await.unwrap();
    }
    let keys: Vec<_> = held().difference(&before).copied().collect();
    assert!(
        keys.len() >= 2 * SESSIONS,
        "only {} keys of {SESSIONS} sessions: the search is blind",
        keys.len()
    );
    let numbered = keys.iter().enumerate();
    let keys =
        Needles::new(numbered.flat_map(|(number, key)| Needle::in_all_forms(&format!("key {number}"), key)));
    let outside = keys.found_in(&memory_of(scene.host.id().expect("the host runs")));
    assert!(outside.is_empty(), "the host holds {outside:?}");

    let plan = ReleasePlan { epoch: 2, models: vec![linear(&folder, "other@1", 64)], policy: None };
    scene.owner.release(&plan).await.unwrap();
    let client = load::client(&scene.ground.layout, &scene.host.url());
    let swapped = async || client.infer(row("other", "x", [1, 64], vec![0; 64 * 4])).await.is_ok();
    assert!(wait_for(READY, swapped).await, "the newer release does not answer");
    let gone = async || scene.found(&keys).is_empty();
    assert!(
        wait_for(GONE, gone).await,
        "sessions of an older release: the enclave still holds {:?}",
        scene.found(&keys)
    );
}
