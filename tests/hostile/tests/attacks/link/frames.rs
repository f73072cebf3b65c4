//! Frames that are none.

use std::time::Duration;

use strongroom_hostile::{Found, Scene};
use strongroom_link::{Endpoint, Listener, PeerRule};
use strongroom_proto::limits::{MAX_FRAME_BYTES, MAX_RELEASE_BYTES};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::raw::{after, dial, frame, header, kind, others, read, seen, sent, word};

const CLOSED: &str = "closed after 0 bytes";

/// Bytes that end the connection.
async fn closed(bytes: &[u8], is_end: bool) -> Found {
    let scene = Scene::serving().await.unwrap();
    let seen = sent(&scene, bytes, is_end).await;
    let worked = !seen.starts_with("closed");
    after(&scene, seen, CLOSED, worked).await
}

/// An announcement that ends the connection, with enough behind it to tell what it is.
async fn announced(length: usize, kind: u8) -> Found {
    closed(&[header(length, kind, 1), vec![0; 64]].concat(), false).await
}

pub(super) async fn a_hello_too_long() -> Found {
    closed(&frame(kind::HELLO, 1, &[7; 33]), false).await
}

pub(super) async fn a_message_of_4_gib() -> Found {
    announced(u32::MAX as usize, kind::MESSAGE).await
}

pub(super) async fn a_message_a_byte_too_long() -> Found {
    announced(MAX_FRAME_BYTES + 1, kind::MESSAGE).await
}

pub(super) async fn a_release_a_byte_too_long() -> Found {
    announced(MAX_RELEASE_BYTES + 1, kind::RELEASE).await
}

pub(super) async fn a_status_with_a_body() -> Found {
    closed(&frame(kind::STATUS, 1, b"?"), false).await
}

pub(super) async fn a_frame_of_kind_0() -> Found {
    closed(&frame(0, 1, b""), false).await
}

pub(super) async fn a_frame_of_an_unknown_kind() -> Found {
    closed(&frame(5, 1, b""), false).await
}

pub(super) async fn a_frame_of_kind_255() -> Found {
    closed(&frame(255, 1, b""), false).await
}

pub(super) async fn a_reply_to_the_enclave() -> Found {
    closed(&frame(kind::REPLY, 1, &[0]), false).await
}

pub(super) async fn a_boot_question_to_the_enclave() -> Found {
    closed(&frame(kind::BOOT, 1, b""), false).await
}

pub(super) async fn a_credentials_question_to_the_enclave() -> Found {
    closed(&frame(kind::CREDENTIALS, 1, b""), false).await
}

pub(super) async fn a_log_line_to_the_enclave() -> Found {
    closed(&frame(kind::LOG, 1, b"a line"), false).await
}

pub(super) async fn a_host_reply_to_the_enclave() -> Found {
    closed(&frame(kind::HOST_REPLY, 1, b"an answer"), false).await
}

pub(super) async fn a_header_cut_short() -> Found {
    closed(&header(0, kind::STATUS, 0)[..5], true).await
}

pub(super) async fn a_hello_cut_short() -> Found {
    closed(&[header(32, kind::HELLO, 1), vec![7; 10]].concat(), true).await
}

pub(super) async fn a_message_cut_short() -> Found {
    closed(&[header(2000, kind::MESSAGE, 1), vec![7; 1000]].concat(), true).await
}

pub(super) async fn a_frame_inside_another() -> Found {
    let inner = frame(kind::STATUS, 2, b"");
    closed(&[header(2000, kind::MESSAGE, 1), vec![7; 1000], inner].concat(), true).await
}

/// A question that is answered with a code.
async fn malformed(bytes: &[u8]) -> Found {
    let scene = Scene::serving().await.unwrap();
    // For which a message might be taken.
    let _session = scene.client().unwrap().session().await.unwrap();
    let seen = sent(&scene, bytes, false).await;
    let worked = seen == "ok";
    after(&scene, seen, "malformed", worked).await
}

pub(super) async fn a_hello_without_a_nonce() -> Found {
    malformed(&frame(kind::HELLO, 1, b"")).await
}

pub(super) async fn a_hello_with_half_a_nonce() -> Found {
    malformed(&frame(kind::HELLO, 1, &[7; 16])).await
}

pub(super) async fn an_empty_message() -> Found {
    malformed(&frame(kind::MESSAGE, 1, b"")).await
}

/// As much behind a header that says less. What it does not say is read as the header of a large message, which never comes.
async fn understated(says: usize, kind: u8) -> Found {
    malformed(&[header(says, kind, 1), vec![kind::MESSAGE; 64]].concat()).await
}

pub(super) async fn a_message_that_says_nothing() -> Found {
    understated(0, kind::MESSAGE).await
}

pub(super) async fn a_message_that_says_one_byte() -> Found {
    understated(1, kind::MESSAGE).await
}

pub(super) async fn a_hello_that_says_one_byte() -> Found {
    understated(1, kind::HELLO).await
}

pub(super) async fn ten_thousand_messages_of_garbage() -> Found {
    const MESSAGES: u32 = 10_000;
    let scene = Scene::serving().await.unwrap();
    let _session = scene.client().unwrap().session().await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(dial(&scene).await);
    let write = tokio::spawn(async move {
        for id in 0..MESSAGES {
            let mut garbage: [u8; 64] = strongroom_e2e::random();
            // Neither of the two kinds of message.
            garbage[0] |= 4;
            let message = frame(kind::MESSAGE, id, &garbage);
            writer.write_all(&message).await.unwrap();
        }
        writer
    });
    let (mut malformed, mut taken) = (0, false);
    for _ in 0..MESSAGES {
        let (header, body) = read(&mut reader).await.unwrap();
        assert!(header.id() < MESSAGES);
        malformed += usize::from(word(&body) == "malformed");
        taken |= matches!(word(&body), "ok" | "misdirected");
    }
    drop((reader, write.await.unwrap()));
    after(&scene, format!("{malformed} times malformed"), "10000 times malformed", taken).await
}

pub(super) async fn a_peer_of_another_kind() -> Found {
    let scene = Scene::serving().await.unwrap();
    let endpoint = Endpoint::Unix(scene.sockets.path().join("anyone"));
    let refusal = match Listener::bind(&endpoint, PeerRule::Cid(3)) {
        Err(error) => error.to_string(),
        Ok(listener) => {
            let _peer = UnixStream::connect(scene.sockets.path().join("anyone")).await.unwrap();
            let accepted = tokio::time::timeout(Duration::from_secs(2), listener.accept()).await;
            accepted.map_or("dropped", |_| Found::SUCCEEDED).to_owned()
        }
    };
    scene.found(refusal)
}

pub(super) async fn half_open_connections() -> Found {
    const HELD: usize = 64;
    let scene = Scene::serving().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..HELD {
        let mut stream = dial(&scene).await;
        stream.shutdown().await.unwrap();
        held.push(stream);
    }
    let mut other = dial(&scene).await;
    other.write_all(&frame(kind::STATUS, 1, b"")).await.unwrap();
    let seen = seen(&mut other).await;
    others(&scene, &seen).await
}

pub(super) async fn connections_left_inside_a_header() -> Found {
    let scene = Scene::serving().await.unwrap();
    for _ in 0..300 {
        let mut stream = dial(&scene).await;
        let _ = stream.write_all(&[0, 0, 0]).await;
    }
    let seen = sent(&scene, &frame(kind::STATUS, 1, b""), false).await;
    others(&scene, &seen).await
}
