//! An application that uses the client library.

use std::sync::Arc;
use std::time::Instant;

use strongroom_client::Client;

use super::board::Channel;
use crate::Dice;
use crate::limits::PAUSE;
use crate::reference::Reference;

/// Asks one row after the other. Never returns.
pub(super) async fn ask(client: Client, reference: Arc<Reference>, channel: Arc<Channel>, mut dice: Dice) {
    loop {
        let place = dice.place(reference.len());
        if let Some((known, request)) = reference.at(place).and_then(|known| Some((known, known.request()?)))
        {
            let sent = Instant::now();
            match client.infer(request).await {
                Ok(answer) => channel.answered(sent, known.is_answered(&answer)),
                Err(error) => channel.failed(&error),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
