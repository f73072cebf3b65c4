//! A key that may ask so many rows in all, and asks more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use strongroom_client::Client;

use super::board::Channel;
use crate::limits::METERED_PAUSE;
use crate::reference::Reference;

/// Rows that were let out, by boot.
#[derive(Default)]
pub(crate) struct Metered(Mutex<BTreeMap<[u8; 16], u64>>);

impl Metered {
    /// Most rows of one boot, and rows of all boots.
    pub(crate) fn rows(&self) -> (u64, u64) {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (rows.values().copied().max().unwrap_or(0), rows.values().sum())
    }
}

/// Asks row by row. Never returns.
pub(super) async fn ask(
    client: Client,
    reference: Arc<Reference>,
    channel: Arc<Channel>,
    metered: Arc<Metered>,
) {
    let mut place = 0;
    loop {
        place = (place + 1) % reference.len().max(1);
        if let Some((known, request)) = reference.at(place).and_then(|known| Some((known, known.request()?)))
        {
            let sent = Instant::now();
            match client.infer(request).await {
                Ok(answer) => {
                    channel.answered(sent, known.is_answered(&answer));
                    let mut rows = metered.0.lock().unwrap_or_else(PoisonError::into_inner);
                    *rows.entry(*answer.receipt.boot.as_bytes()).or_default() += 1;
                }
                Err(error) => channel.failed(&error),
            }
        }
        tokio::time::sleep(METERED_PAUSE).await;
    }
}
