//! Bodies that would take more memory than there is for them.

use std::time::Duration;

use strongroom_hostile::{Found, Scene};
use strongroom_proto::limits::MAX_FRAME_BYTES;
use strongroom_proto::message::REQUEST_HEADER_BYTES;
use tokio::io::AsyncWriteExt;

use super::raw::{Peer, after, dial, frame, header, honest, kind, seen};

const LARGE: usize = 96 << 20;
const AT_ONCE: usize = 6;
/// How many of them fit into what large messages may take.
const ROOM: usize = 3;

/// Memory that is nobody's large message.
const LITTLE_KIB: u64 = 48 << 10;

/// The most that the enclave's process has ever held, in KiB.
fn peak(scene: &Scene) -> u64 {
    let status = format!("/proc/{}/status", scene.enclave.id().unwrap());
    let status = std::fs::read_to_string(status).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Sends a large body whose first byte says what it is.
async fn large(first: u8, refusal: &str) -> Found {
    let scene = Scene::serving().await.unwrap();
    let before = peak(&scene);
    let mut stream = dial(&scene).await;
    stream.write_all(&header(LARGE, kind::MESSAGE, 1)).await.unwrap();
    let mut piece = vec![1; 1 << 20];
    piece[0] = first;
    for _ in 0..LARGE / piece.len() {
        stream.write_all(&piece).await.unwrap();
    }
    let code = seen(&mut stream).await;
    let taken = peak(&scene) - before;
    let little = taken < LITTLE_KIB;
    let memory = if little { "without memory" } else { "and it took the memory" };
    after(&scene, format!("{code}, {memory}"), refusal, !little).await
}

pub(super) async fn a_large_message_without_a_session() -> Found {
    large(2, "misdirected, without memory").await
}

pub(super) async fn a_large_opening() -> Found {
    large(1, "too large, without memory").await
}

/// Begins messages of the largest size in an open session, and says how many were let in.
async fn begun(scene: &Scene) -> (usize, Vec<Peer>) {
    const BEGUN: usize = 8 << 20;
    let session = scene.client().unwrap().session().await.unwrap();
    let mut begun = vec![0; BEGUN];
    begun[0] = 2;
    begun[1..17].copy_from_slice(session.id().as_bytes());
    begun[REQUEST_HEADER_BYTES - 1] = 1;
    let begin = [header(MAX_FRAME_BYTES, kind::MESSAGE, 1), begun].concat();
    let mut streams = Vec::new();
    let mut let_in = 0;
    for _ in 0..AT_ONCE {
        let mut stream = dial(scene).await;
        // What waits for memory is not read, so that it cannot be written either.
        let written = tokio::time::timeout(Duration::from_millis(500), stream.write_all(&begin)).await;
        let_in += usize::from(written.is_ok());
        streams.push(stream);
    }
    (let_in, streams)
}

pub(super) async fn many_large_messages_at_once() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (let_in, streams) = begun(&scene).await;
    drop(streams);
    after(&scene, format!("{let_in} of {AT_ONCE} let in"), "3 of 6 let in", let_in > ROOM).await
}

pub(super) async fn large_messages_left_unfinished() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (_, streams) = begun(&scene).await;
    let small = tokio::time::timeout(Duration::from_secs(5), honest(&scene)).await;
    drop(streams);
    scene.found(if small.is_ok() { "small ones are served" } else { Found::SUCCEEDED })
}

pub(super) async fn a_peer_that_never_reads() -> Found {
    // More than a socket and 256 places hold.
    const QUESTIONS: usize = 40_000;
    let scene = Scene::serving().await.unwrap();
    let mut stream = dial(&scene).await;
    let questions = frame(kind::STATUS, 1, b"").repeat(QUESTIONS);
    let written = tokio::time::timeout(Duration::from_secs(2), stream.write_all(&questions)).await;
    let all = written.is_ok();
    let read = if all { "it read them all" } else { "it reads no further" };
    after(&scene, read, "it reads no further", all).await
}
