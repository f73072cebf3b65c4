use tokio::io::{AsyncWriteExt, DuplexStream, duplex, split};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

fn pair() -> (Mux, DuplexStream) {
    let (near, far) = duplex(1 << 16);
    let (reader, writer) = split(near);
    (Mux::over(reader, writer), far)
}

async fn next(far: &mut DuplexStream) -> (Header, Vec<u8>) {
    let header = read_header(far, LIMIT).await.unwrap();
    (header, read_body(far, header, LIMIT).await.unwrap())
}

async fn lost(mux: &Mux) -> Result<Reply, LinkError> {
    mux.call(Kind::Status, Bytes::new(), LIMIT).await
}

#[tokio::test]
async fn replies_find_their_callers_in_any_order() {
    let (mux, mut far) = pair();
    let server = async {
        let mut asked = Vec::new();
        for _ in 0..50 {
            asked.push(next(&mut far).await);
        }
        for (header, body) in asked.into_iter().rev() {
            write_frame(&mut far, Kind::Reply, header.id(), &[&[0], &body]).await.unwrap();
        }
    };
    let calls: Vec<_> = (0..50_u8)
        .map(|n| {
            let mux = mux.clone();
            tokio::spawn(async move { (n, mux.call(Kind::Message, vec![n; 9].into(), LIMIT).await) })
        })
        .collect();
    server.await;
    for call in calls {
        let (n, reply) = call.await.unwrap();
        assert!(reply.unwrap().into_coded() == Ok((Code::Ok, vec![n; 9].into())));
    }
}

#[tokio::test]
async fn a_late_reply_is_dropped_and_the_next_one_is_right() {
    let (mux, mut far) = pair();
    let late = mux.call(Kind::Status, Bytes::new(), Duration::from_millis(20)).await;
    assert_eq!(late.err(), Some(LinkError::Deadline));
    let (first, _) = next(&mut far).await;
    write_frame(&mut far, Kind::Reply, first.id(), &[&[0], b"late"]).await.unwrap();
    let call = mux.call(Kind::Status, Bytes::new(), LIMIT);
    let server = async {
        let (second, _) = next(&mut far).await;
        assert_ne!(second.id(), first.id());
        write_frame(&mut far, Kind::Reply, second.id(), &[&[0], b"fresh"]).await.unwrap();
    };
    let (reply, ()) = tokio::join!(call, server);
    assert_eq!(reply.unwrap().into_coded().unwrap().1, "fresh");
}

#[tokio::test]
async fn a_lost_connection_fails_everyone_who_waits_and_comes() {
    let (mux, far) = pair();
    let waiting = tokio::spawn({
        let mux = mux.clone();
        async move { lost(&mux).await.err() }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!mux.is_closed());
    drop(far);
    assert_eq!(waiting.await.unwrap(), Some(LinkError::Lost));
    assert_eq!(mux.closed().await, LinkError::Closed);
    assert_eq!(lost(&mux).await.err(), Some(LinkError::Lost));
    assert_eq!(mux.send(Kind::Log, Bytes::new()), Err(LinkError::Lost));
}

#[tokio::test]
async fn a_reply_of_the_wrong_kind_ends_the_connection() {
    for kind in [Kind::HostReply, Kind::Status] {
        let (mux, mut far) = pair();
        let server = async {
            let (header, _) = next(&mut far).await;
            write_frame(&mut far, kind, header.id(), &[]).await.unwrap();
        };
        let (reply, ()) = tokio::join!(lost(&mux), server);
        assert_eq!(reply.err(), Some(LinkError::Lost));
        assert_eq!(mux.closed().await, LinkError::UnexpectedKind);
    }
}

#[tokio::test]
async fn a_torn_reply_ends_the_connection() {
    let (mux, mut far) = pair();
    let server = async {
        let (header, _) = next(&mut far).await;
        let torn = Header::new(Kind::Reply, header.id(), 100).unwrap();
        far.write_all(&torn.to_bytes()).await.unwrap();
        drop(far);
    };
    let (reply, ()) = tokio::join!(lost(&mux), server);
    assert_eq!(reply.err(), Some(LinkError::Lost));
    assert_eq!(mux.closed().await, LinkError::Truncated);
}

#[tokio::test]
async fn the_bound_on_requests_in_flight_holds_and_gives_way() {
    let (mux, far) = pair();
    let calls: Vec<_> = (0..MAX_IN_FLIGHT)
        .map(|_| {
            let mux = mux.clone();
            tokio::spawn(async move { lost(&mux).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lost(&mux).await.err(), Some(LinkError::Busy));
    for call in calls {
        call.abort();
        let _ = call.await;
    }
    let short = mux.call(Kind::Status, Bytes::new(), Duration::from_millis(5)).await;
    assert_eq!(short.err(), Some(LinkError::Deadline), "the ids were given back");
    drop(far);
}

#[tokio::test]
async fn only_requests_can_be_called() {
    let (mux, _far) = pair();
    for kind in [Kind::Log, Kind::Reply, Kind::HostReply, Kind::Absent] {
        assert_eq!(mux.call(kind, Bytes::new(), LIMIT).await.err(), Some(LinkError::UnexpectedKind));
    }
    assert_eq!(mux.send(Kind::Status, Bytes::new()), Err(LinkError::UnexpectedKind));
    let long = mux.call(Kind::Hello, vec![0; 33].into(), LIMIT).await;
    assert_eq!(long.err(), Some(LinkError::Frame(FrameError::TooLong)));
}

#[tokio::test]
async fn the_last_mux_takes_the_connection_with_it() {
    let (mux, mut far) = pair();
    let other = mux.clone();
    drop(mux);
    assert_eq!(read_header(&mut far, Duration::from_millis(20)).await, Err(LinkError::Idle));
    drop(other);
    assert_eq!(read_header(&mut far, LIMIT).await, Err(LinkError::Closed));
}

#[tokio::test]
async fn a_request_that_was_given_up_in_the_queue_is_never_sent() {
    let (mux, mut far) = pair();
    let large = Bytes::from(vec![1; 1 << 20]);
    let first = tokio::spawn({
        let (mux, large) = (mux.clone(), large.clone());
        async move { mux.call(Kind::Message, large, LIMIT).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = Bytes::from(vec![2; 100]);
    let given_up = mux.call(Kind::Message, second.clone(), Duration::from_millis(20)).await;
    assert_eq!(given_up.err(), Some(LinkError::Deadline));
    assert!(second.is_unique(), "the queue holds no body");
    let third = tokio::spawn({
        let mux = mux.clone();
        async move { lost(&mux).await }
    });
    assert!(next(&mut far).await.1 == large);
    assert_eq!(next(&mut far).await.0.kind(), Kind::Status);
    first.abort();
    third.abort();
}
