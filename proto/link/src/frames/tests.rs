use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use strongroom_proto::frame::FrameError;
use strongroom_proto::limits::MAX_FRAME_BYTES;
use tokio::io::{ReadBuf, duplex};

use super::*;

const SHORT: Duration = Duration::from_millis(40);
const LONG: Duration = Duration::from_secs(5);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

async fn read_one(mut bytes: &[u8]) -> Result<(Kind, u32, Vec<u8>), LinkError> {
    let header = read_header(&mut bytes, SHORT).await?;
    let body = read_body(&mut bytes, header, SHORT).await?;
    Ok((header.kind(), header.id(), body))
}

fn frame(kind: Kind, id: u32, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    block_on(write_frame(&mut bytes, kind, id, parts)).unwrap();
    bytes
}

#[test]
fn parts_arrive_as_one_body() {
    let bytes = frame(Kind::Message, 9, &[b"head", b"", b"tail"]);
    assert_eq!(block_on(read_one(&bytes)), Ok((Kind::Message, 9, b"headtail".to_vec())));
}

#[test]
fn a_large_body_crosses_a_narrow_pipe() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let (mut near, mut far) = duplex(1000);
    let parts = [body.as_slice()];
    let got = block_on(async {
        let write = write_frame(&mut near, Kind::Message, 1, &parts);
        let read = async {
            let header = read_header(&mut far, LONG).await.unwrap();
            read_body(&mut far, header, LONG).await.unwrap()
        };
        tokio::join!(write, read).1
    });
    assert!(got == body);
}

/// Sends less than it claims, and remembers how much room it was offered.
struct Boaster {
    left: usize,
    offered: usize,
}

impl AsyncRead for Boaster {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.offered = self.offered.max(buffer.remaining());
        let sent = self.left.min(10);
        buffer.put_slice(&[7; 10][..sent]);
        self.left -= sent;
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_claimed_length_is_not_allocated() {
    let header = Header::new(Kind::Message, 1, MAX_FRAME_BYTES).unwrap().to_bytes();
    let bytes = [header.as_slice(), &[7; 100]].concat();
    assert_eq!(block_on(read_one(&bytes)), Err(LinkError::Truncated));
    let mut peer = Boaster { left: 100, offered: 0 };
    let header = Header::new(Kind::Message, 1, MAX_FRAME_BYTES).unwrap();
    assert_eq!(block_on(read_body(&mut peer, header, LONG)), Err(LinkError::Truncated));
    assert!(peer.offered <= FIRST_READ_BYTES, "a buffer of {} bytes", peer.offered);
}

#[test]
fn an_oversize_body_is_refused_on_both_ends() {
    let mut bytes = Vec::new();
    let written = block_on(write_frame(&mut bytes, Kind::Hello, 1, &[&[0; 33]]));
    assert_eq!((written, bytes.len()), (Err(LinkError::Frame(FrameError::TooLong)), 0));
    assert_eq!(block_on(read_one(&[0, 0, 0, 33, 1, 0, 0, 0, 1])), Err(LinkError::Frame(FrameError::TooLong)));
}

#[test]
fn idle_slow_and_closed_are_told_apart() {
    block_on(async {
        let (mut near, mut far) = duplex(64);
        assert_eq!(read_header(&mut far, SHORT).await, Err(LinkError::Idle));
        // After an idle wait the stream is still in step.
        write_frame(&mut near, Kind::Message, 4, &[b"body"]).await.unwrap();
        let header = read_header(&mut far, LONG).await.unwrap();
        assert_eq!(read_body(&mut far, header, LONG).await.unwrap(), b"body");

        let promised = Header::new(Kind::Message, 5, 10).unwrap();
        near.write_all(&promised.to_bytes()).await.unwrap();
        near.write_all(b"half").await.unwrap();
        let header = read_header(&mut far, LONG).await.unwrap();
        assert_eq!(read_body(&mut far, header, SHORT).await, Err(LinkError::ReadTimeout));
        drop(near);
        assert_eq!(read_header(&mut far, LONG).await, Err(LinkError::Closed));
    });
}

#[test]
fn a_skipped_body_leaves_the_next_frame_in_step() {
    let bytes = [frame(Kind::Message, 1, &[&[3; 9000]]), frame(Kind::Status, 2, &[])].concat();
    block_on(async {
        let mut reader = bytes.as_slice();
        let header = read_header(&mut reader, SHORT).await.unwrap();
        skip_body(&mut reader, header, SHORT).await.unwrap();
        assert_eq!(read_header(&mut reader, SHORT).await.unwrap().id(), 2);
        assert_eq!(skip_body(&mut reader, header, SHORT).await, Err(LinkError::Truncated));
    });
}

fn any_kind() -> impl Strategy<Value = Kind> {
    proptest::sample::select(Kind::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read(kind in any_kind(), id: u32, body in proptest::collection::vec(any::<u8>(), 0..9000)) {
        let body = &body[..body.len().min(kind.max_body_bytes())];
        let bytes = frame(kind, id, &[body]);
        prop_assert_eq!(block_on(read_one(&bytes)), Ok((kind, id, body.to_vec())));
    }

    #[test]
    fn every_cut_is_an_error(body in proptest::collection::vec(any::<u8>(), 0..200), cut: prop::sample::Index) {
        let bytes = frame(Kind::Message, 1, &[&body]);
        let cut = cut.index(bytes.len());
        let expected = if cut == 0 { LinkError::Closed } else { LinkError::Truncated };
        prop_assert_eq!(block_on(read_one(&bytes[..cut])), Err(expected));
    }

    #[test]
    fn pieces_of_any_size_make_the_same_frame(
        body in proptest::collection::vec(any::<u8>(), 0..5000),
        pieces in proptest::collection::vec(1..700_usize, 1..40),
    ) {
        let bytes = frame(Kind::Message, 3, &[&body]);
        let (mut near, mut far) = duplex(512);
        let read = block_on(async {
            let write = async {
                let (mut rest, mut sizes) = (bytes.as_slice(), pieces.iter().cycle());
                while !rest.is_empty() {
                    let (piece, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                    near.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = tail;
                }
            };
            let read = async {
                let header = read_header(&mut far, LONG).await?;
                read_body(&mut far, header, LONG).await
            };
            tokio::join!(write, read).1
        });
        prop_assert_eq!(read, Ok(body));
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        block_on(async {
            let mut reader = bytes.as_slice();
            while let Ok(header) = read_header(&mut reader, SHORT).await {
                let Ok(body) = read_body(&mut reader, header, SHORT).await else { break };
                assert_eq!(body.len(), header.body_bytes());
            }
        });
    }
}
