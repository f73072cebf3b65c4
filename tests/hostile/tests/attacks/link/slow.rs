//! Peers that take their time.

use std::time::{Duration, Instant};

use strongroom_hostile::{Found, Scene};
use strongroom_link::limits::BODY_TIMEOUT;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::raw::{Peer, after, dial, frame, header, kind, others, seen};

/// A header has to be complete in 10 s.
const PATIENCE: Duration = Duration::from_secs(14);

pub(super) async fn a_header_that_drips() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(dial(&scene).await);
    let drip = tokio::spawn(async move {
        // One byte short of a header.
        for byte in header(0, kind::STATUS, 0).into_iter().take(8) {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1800)).await;
        }
        writer
    });
    let ended = tokio::time::timeout(PATIENCE, reader.read(&mut [0; 1])).await;
    drip.abort();
    let closed = ended.is_ok_and(|end| !matches!(end, Ok(1..)));
    after(&scene, if closed { "closed" } else { "it waits still" }, "closed", !closed).await
}

pub(super) async fn bodies_left_unfinished() -> Found {
    const DRIPPING: usize = 48;
    let scene = Scene::serving().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..DRIPPING {
        let mut stream = dial(&scene).await;
        let begun = [header(1024, kind::MESSAGE, 1), vec![2; 16]].concat();
        stream.write_all(&begun).await.unwrap();
        held.push(stream);
    }
    let mut other = dial(&scene).await;
    other.write_all(&frame(kind::STATUS, 1, b"")).await.unwrap();
    let seen = seen(&mut other).await;
    let found = others(&scene, &seen).await;
    drop(held);
    found
}

/// Begins a message and goes on with a byte a second, as long as somebody takes them. Returns after how long nobody did.
async fn drip(mut stream: Peer) -> Duration {
    let begun = Instant::now();
    let begin = [header(1024, kind::MESSAGE, 1), vec![2; 16]].concat();
    stream.write_all(&begin).await.unwrap();
    while begun.elapsed() < 2 * BODY_TIMEOUT {
        let ended = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0; 1])).await;
        if ended.is_ok() || stream.write_all(&[2]).await.is_err() {
            break;
        }
    }
    begun.elapsed()
}

/// It takes as long as a body may take, which is a minute: others ask during all of it.
pub(super) async fn bodies_that_drip() -> Found {
    const DRIPPING: usize = 48;
    /// A drip notices its end by the second, on a machine that has other things to do.
    const LATE: Duration = Duration::from_secs(10);
    let scene = Scene::serving().await.unwrap();
    let mut drips = JoinSet::new();
    for _ in 0..DRIPPING {
        drips.spawn(drip(dial(&scene).await));
    }
    let mut ended = Vec::new();
    while ended.len() < DRIPPING {
        let mut other = dial(&scene).await;
        other.write_all(&frame(kind::STATUS, 1, b"")).await.unwrap();
        let seen = seen(&mut other).await;
        if seen != "ok" {
            return others(&scene, &seen).await;
        }
        drop(other);
        tokio::time::sleep(Duration::from_secs(2)).await;
        while let Some(after) = drips.try_join_next() {
            ended.push(after.unwrap());
        }
    }
    let in_time = |after: &Duration| (BODY_TIMEOUT - LATE..BODY_TIMEOUT + LATE).contains(after);
    let kept = ended.iter().filter(|after| !in_time(after)).count();
    if kept > 0 {
        return after(&scene, format!("{kept} of them ended at another time"), "", true).await;
    }
    after(&scene, DRIPS_END, DRIPS_END, false).await
}

const DRIPS_END: &str = "others are served, and each drip ends after a minute";
