//! Reads a request's body within its bounds of size, time and memory.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use strongroom_proto::Code;
use tokio::time::timeout;

use super::gate::{Gate, Share};
use crate::config::Timing;
use crate::limits::FIRST_BODY_BYTES;

/// A whole body and the share of memory that it takes.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    pub(crate) share: Share,
}

/// Reads to the end. Whoever is too slow or breaks off has sent no message: [`Code::Malformed`].
pub(crate) async fn read(body: Body, max: usize, gate: &Gate, timing: Timing) -> Result<Whole, Code> {
    // The announced length is checked before anything is read.
    if body.size_hint().lower() > max as u64 {
        return Err(Code::TooLarge);
    }
    let share = gate.share();
    timeout(timing.body, collect(body, max, share, timing)).await.map_err(|_| Code::Malformed)?
}

async fn collect(mut body: Body, max: usize, mut share: Share, timing: Timing) -> Result<Whole, Code> {
    let mut bytes = Vec::new();
    loop {
        let frame = timeout(timing.stall, body.frame()).await.map_err(|_| Code::Malformed)?;
        let Some(frame) = frame else { break };
        // Trailers are of no interest.
        let Ok(data) = frame.map_err(|_| Code::Malformed)?.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > max {
            return Err(Code::TooLarge);
        }
        reserve(&mut bytes, length, max, &mut share)?;
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes: bytes.into(), share })
}

/// Makes room for `length` bytes, doubling what is there but never beyond `max`.
fn reserve(bytes: &mut Vec<u8>, length: usize, max: usize, share: &mut Share) -> Result<(), Code> {
    if length <= bytes.capacity() {
        return Ok(());
    }
    let room = length.max(2 * bytes.capacity()).max(FIRST_BODY_BYTES).min(max);
    if !share.grow_to(room) {
        return Err(Code::Busy);
    }
    bytes.reserve_exact(room - bytes.len());
    Ok(())
}
