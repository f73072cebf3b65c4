//! The objects of one bucket, and what a GET or HEAD of one answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, RANGE};
use ring::digest;

use super::error::S3ErrorKind;

/// Objects by key.
#[derive(Default)]
pub(super) struct Objects(BTreeMap<String, Bytes>);

/// What is found of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) tag: String,
    pub(super) bytes: Bytes,
    /// First and last byte and the object's length, if a range was asked for.
    pub(super) range: Option<(usize, usize, usize)>,
}

impl Objects {
    pub(super) fn put(&mut self, key: &str, bytes: Bytes) {
        self.0.insert(key.to_owned(), bytes);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// The condition is judged before the range, as S3 does.
    pub(super) fn find(&self, key: &str, headers: &HeaderMap) -> Result<Found, S3ErrorKind> {
        let bytes = self.0.get(key).ok_or(S3ErrorKind::NoSuchKey)?.clone();
        let tag = tag(&bytes);
        if text(headers, IF_MATCH)?.is_some_and(|wanted| wanted != tag && wanted != "*") {
            return Err(S3ErrorKind::PreconditionFailed);
        }
        let Some(range) = text(headers, RANGE)? else { return Ok(Found { tag, bytes, range: None }) };
        let (first, last) = read_range(range).ok_or(S3ErrorKind::NotImplemented)?;
        if first >= bytes.len() {
            return Err(S3ErrorKind::InvalidRange);
        }
        let last = last.min(bytes.len() - 1);
        let range = Some((first, last, bytes.len()));
        Ok(Found { tag, bytes: bytes.slice(first..=last), range })
    }
}

/// The same for the same bytes, as S3's is; its form is opaque.
fn tag(bytes: &[u8]) -> String {
    let digest = hex::encode(digest::digest(&digest::SHA256, bytes));
    format!("\"{}\"", digest.get(..32).unwrap_or_default())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, S3ErrorKind> {
    let value = headers.get(name).map(|value| value.to_str().map_err(|_| S3ErrorKind::NotImplemented));
    value.transpose()
}

/// `bytes=FIRST-LAST`. S3 knows other forms of a single range, which nobody here asks for.
fn read_range(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(objects: &Objects, headers: &[(HeaderName, &str)]) -> Result<Found, S3ErrorKind> {
        let pairs = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        objects.find("a", &pairs.collect())
    }

    #[test]
    fn ranges_and_conditions() {
        let mut objects = Objects::default();
        assert_eq!(find(&objects, &[]), Err(S3ErrorKind::NoSuchKey));
        objects.put("a", Bytes::from_static(b"0123456789"));
        let whole = find(&objects, &[]).unwrap();
        assert_eq!((whole.bytes.as_ref(), whole.range), (b"0123456789".as_slice(), None));
        for (range, bytes, stated) in [("bytes=2-4", "234", (2, 4, 10)), ("bytes=8-99", "89", (8, 9, 10))] {
            let part = find(&objects, &[(RANGE, range), (IF_MATCH, &whole.tag)]).unwrap();
            assert_eq!((part.bytes.as_ref(), part.range), (bytes.as_bytes(), Some(stated)));
        }
        assert_eq!(find(&objects, &[(RANGE, "bytes=10-11")]), Err(S3ErrorKind::InvalidRange));
        for other in ["bytes=-5", "bytes=5-", "bytes=4-2", "bytes=0-1,3-4", "lines=1-2"] {
            assert_eq!(find(&objects, &[(RANGE, other)]), Err(S3ErrorKind::NotImplemented), "{other}");
        }
        objects.put("a", Bytes::from_static(b"another"));
        assert_eq!(find(&objects, &[(IF_MATCH, &whole.tag)]), Err(S3ErrorKind::PreconditionFailed));
        objects.remove("a");
        assert_eq!(find(&objects, &[]), Err(S3ErrorKind::NoSuchKey));
    }
}
