//! Asks many things at once on one connection.
//!
//! A writer task sends requests, a reader task hands each reply to whoever waits for its id. When
//! the connection ends, for whatever reason, every waiting request fails with [`LinkError::Lost`]
//! and the mux is spent: nothing is ever repeated here, because a lost request may have been
//! carried out. Dialling again is the caller's business.

mod pending;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_proto::Code;
use strongroom_proto::frame::{FrameError, Header, Kind, split_reply};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::frames::{join_frame, read_body, read_header, skip_body, write_frame, write_joined};
use crate::limits::{BODY_TIMEOUT, IDLE_CHECK, MAX_IN_FLIGHT, READ_AHEAD_BYTES};
use crate::{LinkError, Stream};
use pending::{Due, Frame, Pending};

/// A reply as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// [`Kind::Reply`], [`Kind::HostReply`] or [`Kind::Absent`], whichever the request allows.
    pub kind: Kind,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// Splits the body of an enclave's reply into code and payload, without copying.
    ///
    /// # Errors
    /// [`LinkError::Frame`] when the body carries no code.
    pub fn into_coded(self) -> Result<(Code, Bytes), LinkError> {
        let (code, payload) = split_reply(&self.body)?;
        let payload = self.body.slice_ref(payload);
        Ok((code, payload))
    }
}

/// One connection with many requests in flight. Clones share the connection.
#[derive(Clone)]
pub struct Mux {
    pending: Arc<Pending>,
    queue: mpsc::Sender<Outgoing>,
    _tasks: Arc<Tasks>,
}

/// What the writer sends next. The body of a request stays with its caller until it is sent, so
/// that a caller who gives up leaves nothing behind.
enum Outgoing {
    Request(u32),
    Note(Kind, Bytes),
}

/// Ends both tasks, and with them the connection, when the last [`Mux`] goes.
struct Tasks([JoinHandle<()>; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Mux {
    /// Takes over a connection. Must be called inside a tokio runtime.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        let (reader, writer) = stream.into_split();
        Self::over(reader, writer)
    }

    /// Takes over any pair of byte streams.
    #[must_use]
    pub fn over<R, W>(reader: R, writer: W) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let pending = Arc::new(Pending::new());
        // Two places a request: the id of a caller who gave up may still be queued.
        let (queue, outgoing) = mpsc::channel(2 * MAX_IN_FLIGHT);
        let tasks = [
            tokio::spawn(write_requests(writer, outgoing, Arc::clone(&pending))),
            tokio::spawn(read_replies(reader, Arc::clone(&pending))),
        ];
        Self { pending, queue, _tasks: Arc::new(Tasks(tasks)) }
    }

    /// Sends a request and waits for its reply, at most for `limit`.
    ///
    /// # Errors
    /// [`LinkError::Frame`] or [`LinkError::UnexpectedKind`] for what is not a request,
    /// [`LinkError::Busy`], [`LinkError::Deadline`], [`LinkError::Lost`].
    pub async fn call(&self, kind: Kind, body: Bytes, limit: Duration) -> Result<Reply, LinkError> {
        let due = Due::after(kind).ok_or(LinkError::UnexpectedKind)?;
        Header::new(kind, 0, body.len())?;
        let mut ticket = self.pending.enrol(due, Frame { kind, body })?;
        self.queue.try_send(Outgoing::Request(ticket.id())).map_err(refused)?;
        match timeout(limit, ticket.reply()).await {
            Ok(reply) => reply.ok_or(LinkError::Lost),
            Err(_) => Err(LinkError::Deadline),
        }
    }

    /// Sends a frame that has no reply.
    ///
    /// # Errors
    /// [`LinkError::Frame`], [`LinkError::UnexpectedKind`], [`LinkError::Busy`] or [`LinkError::Lost`].
    pub fn send(&self, kind: Kind, body: Bytes) -> Result<(), LinkError> {
        if kind != Kind::Log {
            return Err(LinkError::UnexpectedKind);
        }
        Header::new(kind, 0, body.len())?;
        if self.is_closed() {
            return Err(LinkError::Lost);
        }
        self.queue.try_send(Outgoing::Note(kind, body)).map_err(refused)
    }

    /// Requests that have no reply yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pending.in_flight()
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pending.ended().is_some()
    }

    /// Waits until the connection has ended and says why.
    pub async fn closed(&self) -> LinkError {
        self.pending.wait_end().await
    }
}

fn refused(error: mpsc::error::TrySendError<Outgoing>) -> LinkError {
    match error {
        mpsc::error::TrySendError::Full(_) => LinkError::Busy,
        mpsc::error::TrySendError::Closed(_) => LinkError::Lost,
    }
}

async fn write_requests<W>(mut writer: W, mut queue: mpsc::Receiver<Outgoing>, pending: Arc<Pending>)
where
    W: AsyncWrite + Unpin,
{
    let mut joined = Vec::new();
    while let Some(first) = queue.recv().await {
        if let Err(error) = write_queued(&mut writer, first, &mut queue, &pending, &mut joined).await {
            return pending.end(error);
        }
    }
}

/// Writes a frame and whatever is queued behind it; small ones leave together.
async fn write_queued<W>(
    writer: &mut W,
    first: Outgoing,
    queue: &mut mpsc::Receiver<Outgoing>,
    pending: &Pending,
    joined: &mut Vec<u8>,
) -> Result<(), LinkError>
where
    W: AsyncWrite + Unpin,
{
    let mut next = Some(first);
    while let Some(outgoing) = next {
        let found = match outgoing {
            Outgoing::Note(kind, body) => Some((0, Frame { kind, body })),
            // Whoever gave up before the frame was sent has not asked at all.
            Outgoing::Request(id) => pending.take_frame(id).map(|frame| (id, frame)),
        };
        if let Some((id, Frame { kind, body })) = found
            && !join_frame(joined, kind, id, &body)?
        {
            write_joined(writer, joined).await?;
            write_frame(writer, kind, id, &[&body]).await?;
        }
        next = queue.try_recv().ok();
    }
    write_joined(writer, joined).await
}

async fn read_replies<R>(reader: R, pending: Arc<Pending>)
where
    R: AsyncRead + Unpin,
{
    let mut reader = BufReader::with_capacity(READ_AHEAD_BYTES, reader);
    loop {
        match read_reply(&mut reader, &pending).await {
            Ok(()) | Err(LinkError::Idle) => {}
            Err(error) => return pending.end(error),
        }
    }
}

async fn read_reply<R>(reader: &mut R, pending: &Pending) -> Result<(), LinkError>
where
    R: AsyncRead + Unpin,
{
    let header = read_header(reader, IDLE_CHECK).await?;
    if !Due::is_reply(header.kind()) {
        return Err(LinkError::UnexpectedKind);
    }
    // The answer to a request whose caller gave up costs no memory.
    if !pending.waits_for(header.id()) {
        return skip_body(reader, header, BODY_TIMEOUT).await;
    }
    let body = Bytes::from(read_body(reader, header, BODY_TIMEOUT).await?);
    if header.kind() == Kind::Reply && body.is_empty() {
        return Err(FrameError::NoCode.into());
    }
    pending.deliver(header.id(), Reply { kind: header.kind(), body })
}
