//! Bodies of requests: bounded before they are read, while they are read and while they are unpacked.

use std::io::Read;
use std::mem;

use axum::body::Body;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;

use crate::failure::{Failure, Fault};
use crate::limits::{
    BODY_TIME, DISCARD_TIME, LARGE_BYTES, MAX_DISCARDED_BYTES, MAX_UNPACKED_OF_ONE, UNANNOUNCED_BYTES,
};
use crate::room::{Room, Share};

/// How a body is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
}

/// Reads a body of at most `most` bytes, and at most as many after it was unpacked, once there is room for it. `weigh` says
/// how many bytes it and what is read out of it take at most.
pub(crate) async fn read(
    room: &Room,
    headers: &HeaderMap,
    mut body: Body,
    most: usize,
    weigh: impl Fn(usize) -> usize,
) -> Result<(Vec<u8>, Share), Failure> {
    let held = match packing(headers).and_then(|packing| Ok((packing, announced(headers, most)?))) {
        Ok((packing, announced)) => {
            let need = |bytes: usize| match packing {
                Packing::None => weigh(bytes),
                Packing::Gzip => bytes + weigh(bytes.saturating_mul(MAX_UNPACKED_OF_ONE).min(most)),
            };
            let held = collect(room, &mut body, announced, most, need).await;
            held.map(|(bytes, share)| (packing, bytes, share))
        }
        Err(failure) => Err(failure),
    };
    let (packing, bytes, mut share) = held.inspect_err(|_| discard(body))?;
    let bytes = match packing {
        Packing::None => bytes,
        Packing::Gzip => apart(LARGE_BYTES, move || unpack(&bytes, most)).await?,
    };
    share.keep(weigh(bytes.len()));
    Ok((bytes, share))
}

/// Does work on so many bytes here, or apart from the threads that serve connections where they are many.
pub(crate) async fn apart<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if bytes < LARGE_BYTES {
        return work();
    }
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(Failure::new(Fault::Answer, "the request could not be processed")))
}

/// Reads on while the answer goes out: many clients look for an answer only once they have sent everything.
pub(crate) fn discard(mut body: Body) {
    let rest = async move {
        let mut left = MAX_DISCARDED_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) else { break };
            left = rest;
        }
    };
    tokio::spawn(tokio::time::timeout(DISCARD_TIME, rest));
}

fn packing(headers: &HeaderMap) -> Result<Packing, Failure> {
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    let is = |value: &http::HeaderValue, name: &str| value.as_bytes().eq_ignore_ascii_case(name.as_bytes());
    match (named.next(), named.next()) {
        (None, _) => Ok(Packing::None),
        (Some(value), None) if is(value, "identity") => Ok(Packing::None),
        (Some(value), None) if is(value, "gzip") || is(value, "x-gzip") => Ok(Packing::Gzip),
        _ => {
            Err(Failure::new(Fault::Encoding, "Content-Encoding: gzip and identity are supported, no others"))
        }
    }
}

/// Bytes that the body says to have, where it does.
fn announced(headers: &HeaderMap, most: usize) -> Result<Option<usize>, Failure> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > most) { Err(too_large(most)) } else { Ok(length) }
}

/// Takes room for what is announced, then reads.
async fn collect(
    room: &Room,
    body: &mut Body,
    announced: Option<usize>,
    most: usize,
    need: impl Fn(usize) -> usize,
) -> Result<(Vec<u8>, Share), Failure> {
    let mut covered = announced.unwrap_or(UNANNOUNCED_BYTES).min(most);
    let mut share = room.take(need(covered)).await?;
    let read = async {
        // One buffer of the announced size, so that a large body is there once.
        let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::request("the body ended before its time"))?;
            let Some(data) = frame.data_ref() else { continue };
            if data.len() > most - bytes.len() {
                return Err(too_large(most));
            }
            if bytes.len() + data.len() > covered {
                // What does not say how large it is may become as large as any. Nobody waits for room while holding some.
                drop(mem::take(&mut share));
                share = room.take(need(most)).await?;
                covered = most;
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    };
    let late = |_| Err(Failure::request("the body did not arrive in time"));
    let bytes = tokio::time::timeout(BODY_TIME, read).await.unwrap_or_else(late)?;
    Ok((bytes, share))
}

fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed).take(most as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|_| Failure::request("the body is not what gzip makes"))?;
    if bytes.len() > most { Err(too_large(most)) } else { Ok(bytes) }
}

fn too_large(most: usize) -> Failure {
    Failure::new(Fault::TooLarge, format!("the body has more than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::limits::{MAX_BODY_BYTES, ROOM_UNIT_BYTES, SMALL_BODY_BYTES};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn fault(headers: &[(http::HeaderName, &str)], body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let read = read(&Room::default(), &headers, body.into(), 1000, |bytes| bytes).await;
        read.map(|(bytes, _)| bytes).map_err(|failure| failure.fault)
    }

    #[tokio::test]
    async fn bodies_are_bounded_packed_and_unpacked() {
        assert_eq!(fault(&[], vec![1; 1000]).await, Ok(vec![1; 1000]));
        assert_eq!(fault(&[], vec![1; 1001]).await, Err(Fault::TooLarge));
        assert_eq!(fault(&[(CONTENT_LENGTH, "1001")], vec![1]).await, Err(Fault::TooLarge));
        let packed = [(CONTENT_ENCODING, "gzip")];
        assert_eq!(fault(&packed, gzip(&[7; 1000])).await, Ok(vec![7; 1000]));
        assert_eq!(fault(&packed, gzip(&[0; 100_000])).await, Err(Fault::TooLarge), "a bomb");
    }

    #[tokio::test]
    async fn what_is_not_packed_as_it_says_is_refused() {
        let packed = [(CONTENT_ENCODING, "gzip")];
        let whole = gzip(&[7; 100]);
        let torn = whole.get(..whole.len() - 4).unwrap().to_vec();
        assert_eq!(fault(&packed, torn).await, Err(Fault::Request));
        assert_eq!(fault(&packed, [whole, vec![1, 2, 3]].concat()).await, Err(Fault::Request), "surplus");
        assert_eq!(fault(&packed, b"{}".to_vec()).await, Err(Fault::Request));
        for other in ["br", "deflate", "gzip, gzip"] {
            assert_eq!(fault(&[(CONTENT_ENCODING, other)], vec![]).await, Err(Fault::Encoding), "{other}");
        }
        let twice = [(CONTENT_ENCODING, "identity"), (CONTENT_ENCODING, "gzip")];
        let headers: Vec<_> = twice.to_vec();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        assert!(read(&Room::default(), &map, Body::empty(), 10, |bytes| bytes).await.is_err());
    }

    /// Bytes of room that are free while the body is held.
    async fn held(length: Option<usize>, body: Body) -> Result<usize, Fault> {
        let room = Room::new(SMALL_BODY_BYTES, 8 * SMALL_BODY_BYTES, Duration::from_millis(20));
        let headers = length.map(|length| (CONTENT_LENGTH, length.into())).into_iter().collect();
        let most = 2 * SMALL_BODY_BYTES;
        let read =
            read(&room, &headers, body, most, |bytes| 2 * bytes).await.map_err(|failure| failure.fault)?;
        let mut free = 0;
        while room.take(SMALL_BODY_BYTES + free + 1).await.is_ok() {
            free += ROOM_UNIT_BYTES;
        }
        drop(read);
        Ok(free)
    }

    #[tokio::test]
    async fn a_body_takes_room_for_what_it_weighs() {
        let bytes = SMALL_BODY_BYTES;
        let left = 5 * bytes;
        assert_eq!(held(Some(bytes), vec![0; bytes].into()).await, Ok(left));
        let chunks = tokio_stream::iter(vec![Ok::<_, std::convert::Infallible>(vec![0; bytes / 4]); 4]);
        assert_eq!(held(None, Body::from_stream(chunks)).await, Ok(left), "what was too much is given back");
        assert_eq!(held(None, vec![0; 9].into()).await, Ok(7 * bytes), "a small one takes none of it");
    }

    #[tokio::test]
    async fn who_finds_no_room_is_told_when_to_come_back() {
        let room = Room::new(SMALL_BODY_BYTES, SMALL_BODY_BYTES, Duration::from_millis(20));
        let body = vec![0; SMALL_BODY_BYTES];
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, body.len().into())]);
        let failure =
            read(&room, &headers, body.into(), MAX_BODY_BYTES, |bytes| 4 * bytes).await.err().unwrap();
        assert_eq!((failure.fault.status(), failure.retry_after_seconds()), (503, Some(2)));
    }
}
