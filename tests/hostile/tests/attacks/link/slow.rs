//! Peers that take their time.

use std::time::Duration;

use strongroom_hostile::{Found, Scene};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{after, dial, frame, header, kind, others, seen};

/// A header has to be complete in 10 s.
const PATIENCE: Duration = Duration::from_secs(14);

pub(super) async fn a_header_that_drips() -> Found {
    let scene = Scene::serving().await.unwrap();
    let (mut reader, mut writer) = dial(&scene).await.into_split();
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

pub(super) async fn bodies_that_drip() -> Found {
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
