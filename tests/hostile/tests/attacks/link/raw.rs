//! A peer that writes bytes of its own to the enclave's socket, and says exactly what came back.

use std::time::Duration;

use strongroom_e2e::request;
use strongroom_hostile::{Found, Scene, Taped};
use strongroom_proto::Code;
use strongroom_proto::frame::{HEADER_BYTES, Header, split_reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// The bytes of kinds, as `frame.rs` has them.
pub(super) mod kind {
    pub(crate) const HELLO: u8 = 1;
    pub(crate) const MESSAGE: u8 = 2;
    pub(crate) const RELEASE: u8 = 3;
    pub(crate) const STATUS: u8 = 4;
    pub(crate) const REPLY: u8 = 16;
    pub(crate) const BOOT: u8 = 32;
    pub(crate) const CREDENTIALS: u8 = 33;
    pub(crate) const LOG: u8 = 35;
    pub(crate) const HOST_REPLY: u8 = 48;
}

/// What is closed or answered at once has been by then.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A connection to the enclave.
pub(super) type Peer = Taped<UnixStream>;

pub(super) async fn dial(scene: &Scene) -> Peer {
    scene.taped(UnixStream::connect(scene.sockets.path().join("enclave")).await.unwrap())
}

/// A header, whatever it says.
pub(super) fn header(length: usize, kind: u8, id: u32) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    [length.as_slice(), &[kind], &id.to_be_bytes()].concat()
}

pub(super) fn frame(kind: u8, id: u32, body: &[u8]) -> Vec<u8> {
    [header(body.len(), kind, id), body.to_vec()].concat()
}

/// Reads one frame.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(Header, Vec<u8>)> {
    let mut bytes = [0; HEADER_BYTES];
    stream.read_exact(&mut bytes).await?;
    let header = Header::parse(bytes).map_err(std::io::Error::other)?;
    let mut body = vec![0; header.body_bytes()];
    stream.read_exact(&mut body).await?;
    Ok((header, body))
}

/// The code of a reply in a word.
pub(super) fn word(body: &[u8]) -> &'static str {
    match split_reply(body).map(|(code, _)| code) {
        Ok(Code::Ok) => "ok",
        Ok(Code::Malformed) => "malformed",
        Ok(Code::TooLarge) => "too large",
        Ok(Code::Misdirected) => "misdirected",
        Ok(Code::Busy) => "busy",
        Ok(Code::Unavailable) => "unavailable",
        Err(_) => "no code",
    }
}

/// What comes back first: the code of a reply, or the end.
pub(super) async fn seen(stream: &mut Peer) -> String {
    let mut bytes = [0; HEADER_BYTES];
    let mut got = 0;
    let answer = async {
        while got < bytes.len() {
            match stream.read(&mut bytes[got..]).await {
                Ok(more @ 1..) => got += more,
                // Closed with bytes of ours unread is closed, too.
                _ => return format!("closed after {got} bytes"),
            }
        }
        let Ok(header) = Header::parse(bytes) else { return "no frame".to_owned() };
        let mut body = vec![0; header.body_bytes()];
        match stream.read_exact(&mut body).await {
            Ok(_) => word(&body).to_owned(),
            Err(_) => "closed inside a frame".to_owned(),
        }
    };
    tokio::time::timeout(AT_ONCE, answer).await.unwrap_or_else(|_| "neither closed nor answered".to_owned())
}

/// What comes of these bytes on a connection of their own, after which nothing more is sent where it is the end.
pub(super) async fn sent(scene: &Scene, bytes: &[u8], is_end: bool) -> String {
    let mut stream = dial(scene).await;
    // The enclave may close before it has taken them all.
    let _ = stream.write_all(bytes).await;
    if is_end {
        let _ = stream.shutdown().await;
    }
    seen(&mut stream).await
}

/// What was seen. If that is how it is refused, an honest client is served still. What is neither the refusal nor what the
/// attack was after, is found as it is: it holds an attack to its refusal, and a mutant to what it is there to let pass.
pub(super) async fn after(scene: &Scene, seen: impl Into<String>, refusal: &str, worked: bool) -> Found {
    let seen = seen.into();
    if worked {
        return scene.found(Found::SUCCEEDED);
    }
    if seen == refusal {
        honest(scene).await;
    }
    scene.found(seen)
}

/// Whether others are served, from what came back to a question of one of them.
pub(super) async fn others(scene: &Scene, seen: &str) -> Found {
    let served = seen == "ok";
    let seen = if served { "others are served" } else { "nobody is served" };
    after(scene, seen, "others are served", !served).await
}

/// An honest client is served.
pub(super) async fn honest(scene: &Scene) {
    let client = scene.client().unwrap();
    let session = client.session().await.unwrap();
    let (message, pending) = session.seal(&request(1)).unwrap();
    let reply = client.send(&message).await;
    assert!(scene.outcome(&session, &pending, &reply).is_some(), "an honest client is served");
}
