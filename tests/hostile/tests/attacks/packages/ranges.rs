//! Packages that are genuine on the disk, and are read by the enclave through a host that lies.

use strongroom_hostile::{Found, Misdeeds};
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Range;
use strongroom_seal::package::PREFIX_BYTES;
use strongroom_sim::world::ReleasePlan;

use super::{attacks, id, in_chunks, refused};

attacks! { Packages;
    /// answers each range with a byte more than was asked for
    a_longer_range("memory that nobody accounted for", "fraud@1: the host's answer has another form than asked for", "range-bound");
    /// answers each range of a chunk with a byte less
    a_shorter_range("a model without some of its weights", "fraud@1: package ends after chunk 0", "chunk-length");
    /// answers the header with half of it
    half_a_header("a header that ends inside the chunks", "fraud@1: not a sealed package, or its header is damaged", "header-length");
    /// answers with another place of the file
    another_offset("weights in another place", "fraud@1: chunk 0 is damaged, missing or out of order", "chunk-tag");
    /// answers each range of a chunk with nothing
    an_empty_range("a model without its weights", "fraud@1: package ends after chunk 0", "chunk-length");
    /// says that a chunk is not there
    an_absent_chunk("a model without some of its weights", "fraud@1: the host does not have what was asked for", "release-whole");
    /// delivers the header that was accepted, and then the chunks of another sealing of the same model
    a_file_that_changes_meanwhile("weights that nobody accepted", "fraud@1: chunk 0 is damaged, missing or out of order", "chunk-tag");
    /// goes on with bytes where the package ends
    bytes_behind_the_end("bytes that nobody sealed", "fraud@1: bytes follow the last chunk", "nothing-behind-the-last-chunk");
}

/// A host that answers ranges otherwise.
fn told(mut change: impl FnMut(&Range, Option<Vec<u8>>) -> Option<Vec<u8>> + Send + 'static) -> Misdeeds {
    Misdeeds::default().told(move |kind, asked, honest| match kind {
        Kind::Range => change(&Range::decode(asked).unwrap(), honest),
        _ => honest,
    })
}

async fn answered(change: impl FnMut(&Range, Option<Vec<u8>>) -> Option<Vec<u8>> + Send + 'static) -> Found {
    refused(vec![in_chunks()], told(change), async |_, _| Ok(())).await
}

/// Whether this is a chunk, and neither prefix nor header.
fn is_chunk(range: &Range) -> bool {
    range.offset > PREFIX_BYTES as u64
}

async fn a_longer_range() -> Found {
    answered(|range, mut honest| {
        // Where the file ends there is less than was asked for, and one byte more is not too long.
        if let Some(bytes) = honest.as_mut().filter(|bytes| bytes.len() == range.length as usize) {
            bytes.push(0);
        }
        honest
    })
    .await
}

async fn a_shorter_range() -> Found {
    answered(|range, mut honest| {
        if let (true, Some(bytes)) = (is_chunk(range), &mut honest) {
            bytes.pop();
        }
        honest
    })
    .await
}

async fn half_a_header() -> Found {
    answered(|range, mut honest| {
        if let (true, Some(bytes)) = (range.offset == PREFIX_BYTES as u64, &mut honest) {
            bytes.truncate(bytes.len() / 2);
        }
        honest
    })
    .await
}

async fn another_offset() -> Found {
    let mut last = Vec::new();
    answered(move |range, honest| {
        // Each chunk is answered with the one before it.
        if !is_chunk(range) {
            return honest;
        }
        let mut before = std::mem::replace(&mut last, honest.unwrap());
        before.resize(last.len(), 0);
        Some(before)
    })
    .await
}

async fn an_empty_range() -> Found {
    answered(|range, honest| if is_chunk(range) { Some(Vec::new()) } else { honest }).await
}

async fn an_absent_chunk() -> Found {
    answered(|range, honest| honest.filter(|_| !is_chunk(range))).await
}

async fn a_file_that_changes_meanwhile() -> Found {
    let header = std::sync::Arc::new(std::sync::Mutex::new(Vec::<u8>::new()));
    let first = std::sync::Arc::clone(&header);
    let misdeeds = told(move |range, honest| {
        let first = first.lock().unwrap();
        let start = usize::try_from(range.offset).unwrap();
        match first.get(start..(start + range.length as usize).min(first.len())) {
            Some(bytes) if !is_chunk(range) => Some(bytes.to_vec()),
            _ => honest,
        }
    });
    refused(vec![in_chunks()], misdeeds, async |_, owner| {
        *header.lock().unwrap() = std::fs::read(owner.package(&id("fraud@1"))).unwrap();
        owner.release(&ReleasePlan::first(vec![in_chunks()])).await
    })
    .await
}

async fn bytes_behind_the_end() -> Found {
    answered(|_, honest| honest.map(|bytes| if bytes.is_empty() { vec![0] } else { bytes })).await
}
