//! Frames, and everything in clear inside them.

use std::time::Duration;

use strongroom_link::frames::{read_body, read_header, write_frame};
use strongroom_proto::frame::{Kind, split_reply};
use strongroom_proto::hello::{Evidence, read_offers, write_offers};
use strongroom_proto::message::{Message, opening_header, request_header};
use strongroom_proto::relay::{AuditBatch, BootDocuments, Credentials, Range, Status};
use tokio::runtime::{Builder, Runtime};

use crate::rewrite::reads_back;

/// The input is at hand, so that no read ever waits this long.
const LIMIT: Duration = Duration::from_secs(5);

thread_local! {
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// Reads `bytes` as a stream of frames and as each of the messages in clear.
///
/// Whatever parses must be written back unchanged; nothing may panic, wait or take memory beyond what arrived.
pub fn frame(bytes: &[u8]) -> bool {
    Kind::ALL.into_iter().for_each(|kind| inside(kind, bytes));
    let read = RUNTIME.with(|runtime| runtime.as_ref().map(|runtime| runtime.block_on(frames(bytes))));
    assert!(read.is_some(), "a runtime of one thread");
    read.is_some_and(|count| count > 0)
}

/// Counts the whole frames.
async fn frames(mut stream: &[u8]) -> usize {
    let mut count = 0;
    loop {
        let before = stream;
        let Ok(header) = read_header(&mut stream, LIMIT).await else { return count };
        let Ok(body) = read_body(&mut stream, header, LIMIT).await else { return count };
        assert_eq!(body.len(), header.body_bytes());
        let mut again = Vec::new();
        let written = write_frame(&mut again, header.kind(), header.id(), &[&body]).await;
        assert!(written.is_ok(), "a frame that was read can be written");
        assert!(before.starts_with(&again), "a frame is written back unchanged");
        inside(header.kind(), &body);
        count += 1;
    }
}

fn inside(kind: Kind, body: &[u8]) {
    match kind {
        Kind::Message => message(body),
        Kind::Range => range(body),
        Kind::Reply => {
            if let Ok((_, payload)) = split_reply(body) {
                status(payload);
                evidence(payload);
            }
        }
        Kind::HostReply => {
            boot_documents(body);
            credentials(body);
        }
        Kind::Audit => audit_batch(body),
        Kind::Hello
        | Kind::State
        | Kind::Report
        | Kind::Release
        | Kind::Status
        | Kind::Boot
        | Kind::Credentials
        | Kind::Log
        | Kind::Absent => {}
    }
}

fn message(body: &[u8]) {
    let again = match Message::parse(body) {
        Some(Message::Opening { offer, nonce, encapsulated_key, record, .. }) => {
            [&opening_header(offer, nonce, encapsulated_key), record].concat()
        }
        Some(Message::Request { session, number, record, .. }) => {
            [&request_header(session, number), record].concat()
        }
        None => return,
    };
    assert_eq!(again, body, "a message is written back unchanged");
}

fn evidence(body: &[u8]) {
    let Ok(evidence) = Evidence::decode(body) else { return };
    reads_back(&evidence, evidence.encode(), |bytes, first| Ok(Evidence::decode(bytes)? == *first));
    if let Some(offers) = read_offers(&evidence.offers) {
        assert_eq!(write_offers(&offers), evidence.offers, "offers are written back unchanged");
    }
}

macro_rules! reads_back_as {
    ($($name:ident: $type:ty),*) => {$(
        fn $name(body: &[u8]) {
            let Ok(value) = <$type>::decode(body) else { return };
            reads_back(&value, value.encode(), |bytes, first| Ok(<$type>::decode(bytes)? == *first));
        }
    )*};
}

reads_back_as!(
    range: Range,
    status: Status,
    boot_documents: BootDocuments,
    credentials: Credentials,
    audit_batch: AuditBatch
);
