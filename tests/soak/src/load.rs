//! Honest clients that ask all the time, and what they got.

mod board;
mod command;
mod heads;
mod library;
mod metered;
mod proxy;

use std::sync::Arc;

use strongroom_client::{Client, Options, TrustFile, api_key};
use tokio::task::JoinSet;

use crate::reference::Reference;
use crate::world::{Key, World};
use crate::{Dice, SoakError};
pub(crate) use board::{Board, Tally};
pub(crate) use command::Killer;
pub(crate) use heads::{Head, Heads, LogId};
pub(crate) use metered::Metered;

/// Workers of the proxy: one that waits in vain keeps the others from nothing.
const PROXY_WORKERS: usize = 3;

/// Clients of the library, each with a session of its own.
const LIBRARY_CLIENTS: usize = 2;

/// All clients at work. Dropped, they end.
pub(crate) struct Load {
    pub(crate) board: Arc<Board>,
    pub(crate) heads: Arc<Heads>,
    pub(crate) metered: Arc<Metered>,
    pub(crate) killer: Killer,
    _workers: JoinSet<()>,
}

impl Load {
    /// Starts them.
    pub(crate) fn start(world: &World, dice: &mut Dice) -> Result<Self, SoakError> {
        let reference = Arc::new(Reference::load()?);
        let (board, heads, metered) =
            (Arc::new(Board::default()), Arc::new(Heads::default()), Arc::new(Metered::default()));
        let mut workers = JoinSet::new();
        for number in 0..LIBRARY_CLIENTS {
            let client = client(world, None)?;
            let channel = board.channel(&format!("library {}", number + 1));
            workers.spawn(library::ask(client, Arc::clone(&reference), channel, dice.another()));
        }
        let channel = board.channel("proxy");
        for _ in 0..PROXY_WORKERS {
            let (url, channel) = (world.proxy_url.clone(), Arc::clone(&channel));
            workers.spawn(proxy::ask(url, Arc::clone(&reference), channel, dice.another()));
        }
        let (killer, orders) = Killer::new();
        let shipped = command::Shipped::new(world, Arc::clone(&reference), board.channel("strongroom infer"));
        workers.spawn(shipped.ask(orders, dice.another()));
        workers.spawn(heads::ask(client(world, Some(Key::Auditor))?, Arc::clone(&heads)));
        let asking = client(world, Some(Key::Metered))?;
        workers.spawn(metered::ask(asking, reference, board.hidden("metered key"), Arc::clone(&metered)));
        Ok(Self { board, heads, metered, killer, _workers: workers })
    }
}

/// A client as an application has one, with the settings that it has by default.
fn client(world: &World, key: Option<Key>) -> Result<Client, SoakError> {
    let layout = &world.ground.layout;
    let trust = std::fs::read(layout.trust()).map_err(SoakError::io("trust file"))?;
    let file = key.map_or_else(|| layout.api_key(), |key| world.key_file(key));
    let text = std::fs::read_to_string(file).map_err(SoakError::io("API key"))?;
    let key = api_key::parse(text.trim())?;
    Ok(Client::connect(&world.relay.url(), TrustFile::parse(&trust)?, key, Options::default())?)
}
