//! Frames and everything in clear that a host or a peer of a link can send: never a panic, never
//! more memory than bytes that arrived, and whatever parses is written back unchanged.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use strongroom_link::frames::{read_body, read_header, write_frame};
use strongroom_proto::frame::{Kind, split_reply};
use strongroom_proto::message::Message;
use strongroom_proto::relay::{BootDocuments, Credentials, Range, Status};

/// The input is at hand, so that no read ever waits.
const LIMIT: Duration = Duration::from_secs(5);

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(read_all(data));
});

async fn read_all(mut stream: &[u8]) {
    loop {
        let before = stream;
        let Ok(header) = read_header(&mut stream, LIMIT).await else { return };
        let Ok(body) = read_body(&mut stream, header, LIMIT).await else { return };
        assert_eq!(body.len(), header.body_bytes());
        let mut again = Vec::new();
        write_frame(&mut again, header.kind(), header.id(), &[&body]).await.expect("a frame that was read");
        assert!(before.starts_with(&again));
        look_inside(header.kind(), &body);
    }
}

fn look_inside(kind: Kind, body: &[u8]) {
    match kind {
        Kind::Message => {
            let _ = Message::parse(body);
        }
        Kind::Range => {
            let _ = Range::decode(body);
        }
        Kind::Reply => {
            let _ = split_reply(body).map(|(_, payload)| Status::decode(payload));
        }
        Kind::HostReply => {
            let _ = (BootDocuments::decode(body), Credentials::decode(body));
        }
        _ => {}
    }
}
