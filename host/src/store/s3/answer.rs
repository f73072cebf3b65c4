//! Judges the head of an answer before its body is read.
//!
//! 1. The status is the one that the request asks for.
//! 2. The answer states its length, and the length fits.
//! 3. A range is the one that was asked for, cut at the end of the object at most.
//! 4. The answer names the object's state by an entity tag.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName};
use http::{HeaderMap, StatusCode};

use super::S3Error;
use crate::limits::MAX_TAG_BYTES;

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// The head alone.
    Look,
    /// An object of at most this length.
    Whole { max_bytes: usize },
    /// Bytes of an object, both ends included.
    Range { first: u64, last: u64 },
}

/// What a good head announces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) tag: String,
    /// Bytes of the object, or of the part of it that follows.
    pub(super) length: u64,
}

impl Wanted {
    /// Judges status and headers. `None`: the object ends before the range.
    pub(super) fn judge(self, status: StatusCode, headers: &HeaderMap) -> Result<Option<Head>, S3Error> {
        // 1
        match (self, status) {
            (Self::Range { first, .. }, StatusCode::RANGE_NOT_SATISFIABLE) => {
                return ends_before(first, headers);
            }
            (Self::Range { .. }, StatusCode::OK) => {
                return Err(S3Error::Unexpected("the whole object in place of a range"));
            }
            (Self::Range { .. }, StatusCode::PARTIAL_CONTENT)
            | (Self::Look | Self::Whole { .. }, StatusCode::OK) => {}
            _ => return Err(S3Error::of_status(status)),
        }
        // 2
        let length = text(headers, CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let length: u64 = length.ok_or(S3Error::Unexpected("no length"))?;
        match self {
            Self::Look => {}
            Self::Whole { max_bytes } if length > max_bytes as u64 => return Err(S3Error::TooLong),
            Self::Whole { .. } => {}
            // 3
            Self::Range { first, last } => check_range(first, last, length, headers)?,
        }
        // 4
        let tag = text(headers, ETAG).filter(|tag| !tag.is_empty() && tag.len() <= MAX_TAG_BYTES);
        let tag = tag.ok_or(S3Error::Unexpected("no entity tag"))?.to_owned();
        Ok(Some(Head { tag, length }))
    }
}

fn check_range(first: u64, last: u64, length: u64, headers: &HeaderMap) -> Result<(), S3Error> {
    let stated = text(headers, CONTENT_RANGE).and_then(read_range);
    let (from, to, total) = stated.ok_or(S3Error::Unexpected("no range"))?;
    if from != first || total <= first {
        return Err(S3Error::Unexpected("another range than asked for"));
    }
    let end = last.min(total - 1);
    if to > end || length > end - first + 1 {
        return Err(S3Error::Unexpected("more bytes than asked for"));
    }
    if to < end || length < end - first + 1 {
        return Err(S3Error::Unexpected("fewer bytes than asked for"));
    }
    Ok(())
}

/// Status 416. S3 may state the length of the object, which must then bear it out.
fn ends_before(first: u64, headers: &HeaderMap) -> Result<Option<Head>, S3Error> {
    let total =
        text(headers, CONTENT_RANGE).and_then(|text| text.strip_prefix("bytes */")?.parse::<u64>().ok());
    match total {
        Some(total) if total > first => Err(S3Error::Unexpected("no bytes where there are some")),
        _ => Ok(None),
    }
}

/// `bytes FIRST-LAST/TOTAL` (RFC 9110 section 14.4).
fn read_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, last, total))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Wanted = Wanted::Range { first: 10, last: 19 };

    fn judge(
        wanted: Wanted,
        status: u16,
        length: &str,
        range: &str,
        tag: &str,
    ) -> Result<Option<Head>, S3Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(CONTENT_LENGTH, length), (CONTENT_RANGE, range), (ETAG, tag)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        wanted.judge(StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn good(length: u64) -> Result<Option<Head>, S3Error> {
        Ok(Some(Head { tag: "\"t\"".to_owned(), length }))
    }

    #[test]
    fn good_answers() {
        assert_eq!(judge(RANGE, 206, "10", "bytes 10-19/100", "\"t\""), good(10));
        assert_eq!(judge(RANGE, 206, "5", "bytes 10-14/15", "\"t\""), good(5), "cut at the end");
        assert_eq!(judge(Wanted::Whole { max_bytes: 7 }, 200, "7", "", "\"t\""), good(7));
        assert_eq!(judge(Wanted::Look, 200, "700", "", "\"t\""), good(700));
        for range in ["", "bytes */10", "bytes */3"] {
            assert_eq!(judge(RANGE, 416, "0", range, ""), Ok(None), "{range}");
        }
    }

    #[test]
    fn step_1_another_status() {
        let whole = judge(RANGE, 200, "100", "", "\"t\"");
        assert_eq!(whole, Err(S3Error::Unexpected("the whole object in place of a range")));
        for (status, error) in [
            (301, S3Error::Elsewhere(301)),
            (403, S3Error::Denied),
            (404, S3Error::Missing),
            (412, S3Error::Replaced),
            (503, S3Error::Status(503)),
            (204, S3Error::Status(204)),
        ] {
            assert_eq!(judge(RANGE, status, "10", "bytes 10-19/100", "\"t\""), Err(error));
            assert_eq!(judge(Wanted::Look, status, "10", "", "\"t\""), Err(error));
        }
        assert_eq!(judge(Wanted::Look, 206, "10", "", "\"t\""), Err(S3Error::Status(206)));
        assert_eq!(judge(Wanted::Look, 416, "10", "", "\"t\""), Err(S3Error::Status(416)));
        assert!(matches!(judge(RANGE, 416, "0", "bytes */11", ""), Err(S3Error::Unexpected(_))));
    }

    #[test]
    fn step_2_another_length() {
        let max = Wanted::Whole { max_bytes: 7 };
        assert_eq!(judge(max, 200, "8", "", "\"t\""), Err(S3Error::TooLong));
        for length in ["", "-1", "x"] {
            assert_eq!(judge(max, 200, length, "", "\"t\""), Err(S3Error::Unexpected("no length")));
        }
    }

    #[test]
    fn step_3_another_range() {
        for (length, range, why) in [
            ("10", "", "no range"),
            ("10", "bytes 10-19/*", "no range"),
            ("10", "bytes 10-19/15", "no range"),
            ("10", "bytes 11-20/100", "another range than asked for"),
            ("9", "bytes 10-18/100", "fewer bytes than asked for"),
            ("9", "bytes 10-19/100", "fewer bytes than asked for"),
            ("11", "bytes 10-20/100", "more bytes than asked for"),
            ("11", "bytes 10-19/100", "more bytes than asked for"),
        ] {
            assert_eq!(judge(RANGE, 206, length, range, "\"t\""), Err(S3Error::Unexpected(why)), "{range}");
        }
    }

    #[test]
    fn step_4_no_tag() {
        for tag in ["", &"t".repeat(MAX_TAG_BYTES + 1)] {
            let judged = judge(RANGE, 206, "10", "bytes 10-19/100", tag);
            assert_eq!(judged, Err(S3Error::Unexpected("no entity tag")));
        }
    }
}
