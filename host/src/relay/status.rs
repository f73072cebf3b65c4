//! Asks the enclave for its status from time to time.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Status;
use tokio::time::sleep;

use super::Relay;
use crate::limits::{STATUS_DEADLINE, STATUS_PAUSE, STATUS_PERIOD};
use crate::services::printable;

/// Keeps the status fresh. Never returns.
pub(crate) async fn keep_status(relay: Arc<Relay>) {
    let (mut up, mut news) = (relay.up.subscribe(), relay.news.subscribe());
    loop {
        let status = relay.ask_status().await;
        tell_change(relay.status.borrow().as_ref(), status.as_ref());
        let answering = status.is_some() || relay.was_heard_of_late();
        relay.status.send_replace(status);
        relay.answering.send_if_modified(|before| std::mem::replace(before, answering) != answering);
        sleep(STATUS_PAUSE).await;
        // A new connection is asked at once, and an enclave that has said something; otherwise the period passes.
        tokio::select! {
            _ = up.changed() => {}
            _ = news.changed() => {}
            () = sleep(STATUS_PERIOD) => {}
        }
    }
}

impl Relay {
    async fn ask_status(&self) -> Option<Status> {
        let reply = self.call(Kind::Status, Bytes::new(), STATUS_DEADLINE).await.ok()?;
        Status::decode(&reply).ok()
    }
}

fn tell_change(before: Option<&Status>, now: Option<&Status>) {
    let Some(now) = now else { return };
    if before.is_none_or(|before| (before.serving, before.epoch) != (now.serving, now.epoch)) {
        tracing::info!(serving = now.serving, epoch = now.epoch, "status of the enclave");
    }
    if !now.refusal.is_empty() && before.is_none_or(|before| before.refusal != now.refusal) {
        tracing::warn!(refusal = %printable(now.refusal.as_bytes()), "the enclave refuses a release");
    }
}
