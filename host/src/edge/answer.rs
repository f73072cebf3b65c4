//! An answer on its way to the client, which holds its memory until it has been handed over.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use strongroom_proto::Code;

use super::gate::{Gate, Share};
use crate::limits::ANSWER_PIECE_BYTES;

/// The body of an answer. A client that does not read keeps its share and nobody else's.
pub(crate) struct Answer {
    left: Bytes,
    _share: Share,
}

impl Answer {
    /// Takes memory for an answer. Without it the answer is lost and the client told to come again.
    pub(crate) fn new(bytes: Bytes, gate: &Gate) -> Result<Self, Code> {
        let mut share = gate.share();
        if share.grow_to(bytes.len()) { Ok(Self { left: bytes, _share: share }) } else { Err(Code::Busy) }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.left.len().min(ANSWER_PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_leaves_in_pieces_and_holds_its_memory_until_then() {
        let length = 2 * ANSWER_PIECE_BYTES + 1;
        let gate = Gate::new(1, length + 2048);
        let mut answer = Answer::new(vec![7; length].into(), &gate).unwrap();
        assert_eq!(answer.size_hint().exact(), Some(length as u64));
        let mut pieces = Vec::new();
        while !answer.is_end_stream() {
            assert_eq!(Answer::new(vec![0; length].into(), &gate).err(), Some(Code::Busy));
            pieces.push(answer.frame().await.unwrap().unwrap().into_data().unwrap().len());
        }
        assert_eq!(pieces, [ANSWER_PIECE_BYTES, ANSWER_PIECE_BYTES, 1]);
        drop(answer);
        assert!(Answer::new(vec![0; length].into(), &gate).is_ok());
    }
}
