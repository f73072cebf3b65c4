//! Bodies that would take more memory than there is for them.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use strongroom_hostile::{Found, Scene, SceneOptions};
use strongroom_proto::limits::MAX_RECORD_BYTES;
use strongroom_proto::message::REQUEST_HEADER_BYTES;
use tokio::io::AsyncWriteExt;

use super::raw::{Peer, after, dial, frame, header, honest, kind, seen};

const LARGE: usize = 96 << 20;
const AT_ONCE: usize = 6;
/// How many of them fit into what large messages may take.
const ROOM: usize = 2;

/// Memory that is nobody's large message.
const LITTLE_KIB: u64 = 48 << 10;

/// The most that the enclave's process has ever held, in KiB.
fn peak(scene: &Scene) -> u64 {
    let status = format!("/proc/{}/status", scene.enclave.id().unwrap());
    let status = std::fs::read_to_string(status).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Sends a large body that begins so.
async fn large(scene: Scene, begin: &[u8], refusal: &str) -> Found {
    let before = peak(&scene);
    let mut stream = dial(&scene).await;
    stream.write_all(&header(LARGE, kind::MESSAGE, 1)).await.unwrap();
    let mut piece = vec![1; 1 << 20];
    piece[..begin.len()].copy_from_slice(begin);
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
    large(Scene::serving().await.unwrap(), &[2], "misdirected, without memory").await
}

pub(super) async fn a_message_larger_than_its_release_allows() -> Found {
    let key: [u8; 32] = strongroom_e2e::random();
    let policy = format!(
        "max_request_bytes = 65536\n[model.fraud]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n\
         [[key]]\nsha256 = \"{}\"\n",
        hex::encode(digest(&SHA256, &key))
    );
    let options = SceneOptions { policy: Some(policy), ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |_, _| Ok(())).await.unwrap();
    scene.wait_until_serving().await.unwrap();
    let session = scene.client_with(key).unwrap().session().await.unwrap();
    let begin = [&[2], session.id().as_bytes().as_slice()].concat();
    large(scene, &begin, "too large, without memory").await
}

pub(super) async fn a_large_opening() -> Found {
    large(Scene::serving().await.unwrap(), &[1], "too large, without memory").await
}

/// A message of the largest size.
const WHOLE: usize = REQUEST_HEADER_BYTES + MAX_RECORD_BYTES;

/// How much of a message of the largest size is sent first.
const BEGUN: usize = 8 << 20;

/// Time in which a message that was begun takes its memory, or is refused.
const LET_IN: Duration = Duration::from_millis(20);

/// Begins messages of such sizes in an open session, each on a connection of its own.
async fn begun(scene: &Scene, sizes: impl IntoIterator<Item = usize>) -> Vec<Peer> {
    let session = scene.client().unwrap().session().await.unwrap();
    let mut streams = Vec::new();
    for bytes in sizes {
        let mut begun = vec![0; BEGUN.min(bytes / 2)];
        begun[0] = 2;
        begun[1..17].copy_from_slice(session.id().as_bytes());
        begun[REQUEST_HEADER_BYTES - 1] = 1;
        let mut stream = dial(scene).await;
        stream.write_all(&[header(bytes, kind::MESSAGE, 1), begun].concat()).await.unwrap();
        // The next one finds what this one has left.
        tokio::time::sleep(LET_IN).await;
        streams.push(stream);
    }
    streams
}

/// Messages that fill what is left beside the largest ones, down to a KiB: two of each size, and of the largest small ones as many
/// as the smallest large one has room for.
fn fill() -> impl Iterator<Item = usize> {
    let halves = |from: usize, to: usize| {
        std::iter::successors(Some(from), |bytes| Some(bytes / 2)).take_while(move |bytes| *bytes >= to)
    };
    let twice = |bytes| [bytes; 2];
    let large = halves(MAX_RECORD_BYTES / 2, 1 << 20).map(|record| REQUEST_HEADER_BYTES + record);
    let small = halves(32 << 10, 1 << 10).flat_map(twice);
    large.flat_map(twice).chain([64 << 10; 17]).chain(small)
}

/// Sends what is left of such a message, and says how it ends.
async fn finished(stream: &mut Peer) -> String {
    let piece = vec![0; 1 << 20];
    let mut left = WHOLE - BEGUN;
    while left > 0 {
        let piece = &piece[..left.min(piece.len())];
        stream.write_all(piece).await.unwrap();
        left -= piece.len();
    }
    seen(stream).await
}

pub(super) async fn many_large_messages_at_once() -> Found {
    let scene = Scene::serving().await.unwrap();
    let mut streams = begun(&scene, [WHOLE; AT_ONCE]).await;
    let mut let_in = 0;
    // Those that were let in first keep their memory to the end.
    for stream in streams.iter_mut().rev() {
        let_in += usize::from(finished(stream).await != "busy");
    }
    after(&scene, format!("{let_in} of {AT_ONCE} let in"), "2 of 6 let in", let_in > ROOM).await
}

pub(super) async fn large_messages_left_unfinished() -> Found {
    let scene = Scene::serving().await.unwrap();
    let streams = begun(&scene, [WHOLE; AT_ONCE].into_iter().chain(fill())).await;
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
