//! Too many of what is allowed.

use std::time::Duration;

use strongroom_hostile::{Found, Scene, SceneOptions};
use strongroom_sim::world::EnclaveOptions;
use tokio::io::AsyncWriteExt;

use super::raw::{after, dial, frame, kind, read, word};

pub(super) async fn a_flood_of_connections() -> Found {
    const CONNECTIONS: usize = 80;
    const PLACES: usize = 64;
    let scene = Scene::serving().await.unwrap();
    // What the scene asked before is over.
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = dial(&scene).await;
        stream.write_all(&frame(kind::STATUS, 1, b"")).await.unwrap();
        held.push(stream);
    }
    let answers = held.iter_mut().map(|stream| async {
        let answer = tokio::time::timeout(Duration::from_secs(1), read(stream)).await;
        answer.is_ok_and(|answer| answer.is_ok())
    });
    let mut served = 0;
    for answer in answers {
        served += usize::from(answer.await);
        if served == CONNECTIONS {
            break;
        }
    }
    drop(held);
    let seen = format!("{served} of {CONNECTIONS} served");
    after(&scene, seen, "64 of 80 served", served > PLACES).await
}

/// A scene whose security module takes its time, so that hellos gather.
async fn slow() -> Scene {
    let enclave = EnclaveOptions { nsm_delay: Duration::from_millis(100), ..EnclaveOptions::default() };
    let options = SceneOptions { enclave, ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |_, _| Ok(())).await.unwrap();
    scene.wait_until_serving().await.unwrap();
    scene
}

/// Says hello `each` times on each of some connections at once, and returns the answers' codes.
async fn hellos(scene: &Scene, connections: usize, each: u32) -> Vec<&'static str> {
    let mut peers = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let mut stream = dial(scene).await;
        peers.spawn(async move {
            let hello = |id| frame(kind::HELLO, id, &strongroom_e2e::random::<32>());
            let hellos: Vec<u8> = (0..each).flat_map(hello).collect();
            stream.write_all(&hellos).await.unwrap();
            let mut codes = Vec::new();
            for _ in 0..each {
                codes.push(word(&read(&mut stream).await.unwrap().1));
            }
            codes
        });
    }
    peers.join_all().await.concat()
}

pub(super) async fn a_flood_of_hellos() -> Found {
    let scene = slow().await;
    let codes = hellos(&scene, 24, 250).await;
    let served = |code: &&str| matches!(*code, "ok" | "busy");
    assert!(codes.iter().all(served), "each is answered, or told to come later");
    let busy = codes.contains(&"busy");
    after(&scene, if busy { "busy" } else { "all were let in" }, "busy", !busy).await
}

pub(super) async fn a_crowd_of_hellos() -> Found {
    const HELLOS: usize = 600;
    let scene = slow().await;
    let codes = hellos(&scene, 3, 200).await;
    let served = codes.iter().filter(|code| **code == "ok").count();
    let seen = format!("{served} of {HELLOS} answered");
    after(&scene, seen, "600 of 600 answered", served < HELLOS).await
}
