//! Bodies of requests: bounded before they are read, while they are read and while they are unpacked.

use std::io::Read;

use axum::body::Body;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;

use crate::failure::{Failure, Fault};
use crate::limits::{DISCARD_TIME, LARGE_BYTES, MAX_DISCARDED_BYTES};

/// How a body is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
}

/// Reads a body of at most `most` bytes, and at most as many after it was unpacked.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, most: usize) -> Result<Vec<u8>, Failure> {
    let collected = match packing(headers).and_then(|packing| Ok((packing, announced(headers, most)?))) {
        Ok((packing, room)) => collect(&mut body, room, most).await.map(|bytes| (packing, bytes)),
        Err(failure) => Err(failure),
    };
    match collected {
        Ok((Packing::None, bytes)) => Ok(bytes),
        Ok((Packing::Gzip, bytes)) => apart(LARGE_BYTES, move || unpack(&bytes, most)).await,
        Err(failure) => {
            discard(body);
            Err(failure)
        }
    }
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

/// Bytes that the body says to have.
fn announced(headers: &HeaderMap, most: usize) -> Result<usize, Failure> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length = length.unwrap_or_default();
    if length > most { Err(too_large(most)) } else { Ok(length) }
}

/// One buffer of the announced size, so that a large body is there once.
async fn collect(body: &mut Body, room: usize, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(room);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::request("the body ended before its time"))?;
        let Some(data) = frame.data_ref() else { continue };
        if data.len() > most - bytes.len() {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
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

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn fault(headers: &[(http::HeaderName, &str)], body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        read(&headers, body.into(), 1000).await.map_err(|failure| failure.fault)
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
        assert!(read(&map, Body::empty(), 10).await.is_err());
    }
}
