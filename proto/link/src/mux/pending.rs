//! Who waits for which id, and whether the connection still stands.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use strongroom_proto::frame::Kind;
use tokio::sync::{oneshot, watch};

use super::Reply;
use crate::LinkError;
use crate::limits::MAX_IN_FLIGHT;

/// Which replies a request allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    FromEnclave,
    FromHost,
}

impl Due {
    pub(super) fn after(request: Kind) -> Option<Self> {
        match request {
            Kind::Hello | Kind::Message | Kind::Release | Kind::Status => Some(Self::FromEnclave),
            Kind::Boot | Kind::Credentials | Kind::Range | Kind::Audit | Kind::State | Kind::Report => {
                Some(Self::FromHost)
            }
            Kind::Log | Kind::Reply | Kind::HostReply | Kind::Absent => None,
        }
    }

    pub(super) fn is_reply(kind: Kind) -> bool {
        [Self::FromEnclave, Self::FromHost].into_iter().any(|due| due.allows(kind))
    }

    fn allows(self, reply: Kind) -> bool {
        match self {
            Self::FromEnclave => reply == Kind::Reply,
            Self::FromHost => matches!(reply, Kind::HostReply | Kind::Absent),
        }
    }
}

/// The requests in flight of one connection.
pub(super) struct Pending {
    table: Mutex<Table>,
    end: watch::Sender<Option<LinkError>>,
}

#[derive(Default)]
struct Table {
    ended: bool,
    last_id: u32,
    waiting: HashMap<u32, Waiting>,
}

/// A request that has no reply yet.
struct Waiting {
    due: Due,
    /// What is to be sent, until it is.
    frame: Option<Frame>,
    reply: oneshot::Sender<Reply>,
}

/// A request's kind and body.
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
}

/// The right to one reply. Gives its id back when dropped.
pub(super) struct Ticket {
    pending: Arc<Pending>,
    id: u32,
    reply: oneshot::Receiver<Reply>,
}

impl Ticket {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// The reply, or nothing when the connection ended first.
    pub(super) async fn reply(&mut self) -> Option<Reply> {
        (&mut self.reply).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.pending.lock().waiting.remove(&self.id);
    }
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { table: Mutex::default(), end: watch::Sender::new(None) }
    }

    /// Takes a free id.
    pub(super) fn enrol(self: &Arc<Self>, due: Due, frame: Frame) -> Result<Ticket, LinkError> {
        let mut table = self.lock();
        if table.ended {
            return Err(LinkError::Lost);
        }
        if table.waiting.len() >= MAX_IN_FLIGHT {
            return Err(LinkError::Busy);
        }
        let id = table.free_id();
        let (sender, reply) = oneshot::channel();
        table.waiting.insert(id, Waiting { due, frame: Some(frame), reply: sender });
        Ok(Ticket { pending: Arc::clone(self), id, reply })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn waits_for(&self, id: u32) -> bool {
        self.lock().waiting.contains_key(&id)
    }

    /// What the caller of this id wants sent, if it still waits.
    pub(super) fn take_frame(&self, id: u32) -> Option<Frame> {
        self.lock().waiting.get_mut(&id)?.frame.take()
    }

    /// Hands a reply to its caller. A caller that has gone meanwhile is no error.
    pub(super) fn deliver(&self, id: u32, reply: Reply) -> Result<(), LinkError> {
        let mut table = self.lock();
        let Entry::Occupied(entry) = table.waiting.entry(id) else { return Ok(()) };
        if !entry.get().due.allows(reply.kind) {
            return Err(LinkError::UnexpectedKind);
        }
        let _ = entry.remove().reply.send(reply);
        Ok(())
    }

    /// Fails everyone who waits, and whoever comes later. The first reason stands.
    pub(super) fn end(&self, reason: LinkError) {
        let mut table = self.lock();
        table.ended = true;
        table.waiting.clear();
        drop(table);
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(reason);
            first
        });
    }

    pub(super) fn ended(&self) -> Option<LinkError> {
        *self.end.borrow()
    }

    pub(super) async fn wait_end(&self) -> LinkError {
        let mut end = self.end.subscribe();
        // The sender lives as long as `self`, so that waiting cannot fail.
        end.wait_for(Option::is_some).await.ok().and_then(|end| *end).unwrap_or(LinkError::Lost)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Fewer than [`MAX_IN_FLIGHT`] of 2^32 ids are taken, so that the search is short.
    fn free_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.waiting.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}
