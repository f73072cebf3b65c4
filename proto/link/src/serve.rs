//! Answers the requests of one connection, several at once.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_proto::frame::{Header, Kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::LinkError;
use crate::frames::{read_after, read_body, read_header, skip_body, write_frame};
use crate::limits::{BODY_TIMEOUT, FIRST_BYTES, IDLE_CHECK, LARGE_BODY_BYTES, READ_AHEAD_BYTES};

/// What a request is answered with.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The kind of the reply frame.
    pub kind: Kind,
    /// Its body, in parts that are never joined.
    pub parts: Vec<Bytes>,
}

/// Whoever answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Whether frames of this kind are requests here. The body of any other is never read.
    fn takes(&self, kind: Kind) -> bool;

    /// Refuses a large body by its first bytes and its length, before the rest is read. `None` lets it in.
    fn refuse_early(&self, _kind: Kind, _first: &[u8], _body_bytes: usize) -> Option<Answer> {
        None
    }

    /// The memory that a body of so many bytes may take a share of, as permits of one KiB. `None` sets no bound.
    fn memory(&self, _body_bytes: usize) -> Option<Arc<Semaphore>> {
        None
    }

    /// What a body of this kind is answered with that finds no such memory, unread. With `None` it waits there, and whatever comes
    /// behind it on its connection waits, too.
    fn when_full(&self, _kind: Kind) -> Option<Answer> {
        None
    }

    /// Answers one request, or takes note of a frame that has no reply. `beside` further requests of this connection
    /// are waiting or worked on at this moment.
    fn handle(&self, kind: Kind, body: Bytes, beside: usize) -> impl Future<Output = Option<Answer>> + Send;
}

/// Serves a connection until it ends, and says why it ended.
///
/// At most `concurrency` requests are read ahead or worked on; while as many are, the peer waits.
/// Frames without a reply are handled in the order in which they come.
pub async fn serve<R, W, H>(reader: R, writer: W, handler: Arc<H>, concurrency: usize) -> LinkError
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let (failed, mut failure) = mpsc::channel(1);
    let mut reader = BufReader::with_capacity(READ_AHEAD_BYTES, reader);
    let connection = Connection {
        writer: Arc::new(Mutex::new(writer)),
        slots: Arc::new(Semaphore::new(concurrency)),
        concurrency,
        handler,
        failed,
    };
    let mut tasks = JoinSet::new();
    let ended = tokio::select! {
        ended = connection.read_all(&mut reader, &mut tasks) => ended,
        failure = failure.recv() => failure.unwrap_or(LinkError::Lost),
    };
    // Work that was begun keeps its memory until it is done, or a peer that reconnects would have more than its share.
    tasks.detach_all();
    ended
}

struct Connection<W, H> {
    writer: Arc<Mutex<W>>,
    slots: Arc<Semaphore>,
    concurrency: usize,
    handler: Arc<H>,
    failed: mpsc::Sender<LinkError>,
}

impl<W, H> Connection<W, H>
where
    W: AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    async fn read_all<R>(&self, reader: &mut R, tasks: &mut JoinSet<()>) -> LinkError
    where
        R: AsyncRead + Unpin,
    {
        loop {
            match self.read_one(reader, tasks).await {
                Ok(()) | Err(LinkError::Idle) => {}
                Err(error) => return error,
            }
            while tasks.try_join_next().is_some() {}
        }
    }

    async fn read_one<R>(&self, reader: &mut R, tasks: &mut JoinSet<()>) -> Result<(), LinkError>
    where
        R: AsyncRead + Unpin,
    {
        let header = read_header(reader, IDLE_CHECK).await?;
        if !self.handler.takes(header.kind()) {
            return Err(LinkError::UnexpectedKind);
        }
        // The slot comes before the body, so that waiting requests hold no memory here.
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| LinkError::Lost)?;
        let (body, memory) = match self.read_in(reader, header).await? {
            Body::Refused(answer) => return self.write(header.id(), &answer).await,
            Body::Read(body, memory) => (Bytes::from(body), memory),
        };
        if header.kind() == Kind::Log {
            self.handler.handle(header.kind(), body, 0).await;
        } else {
            tasks.spawn(self.answer(header.kind(), header.id(), body, (slot, memory)));
        }
        Ok(())
    }

    /// Takes the memory of a body of so many bytes, or says what it is answered with where there is none.
    async fn reserve(&self, kind: Kind, body_bytes: usize) -> Result<Reserved, LinkError> {
        let Some(memory) = self.handler.memory(body_bytes) else { return Ok(Ok(None)) };
        let kib = u32::try_from(body_bytes.div_ceil(1024)).map_err(|_| LinkError::Busy)?;
        match self.handler.when_full(kind) {
            Some(full) => Ok(memory.try_acquire_many_owned(kib).map(Some).map_err(|_| full)),
            None => {
                memory.acquire_many_owned(kib).await.map(|held| Ok(Some(held))).map_err(|_| LinkError::Lost)
            }
        }
    }

    /// Reads a body; a large one takes memory only after its first bytes were let in.
    async fn read_in<R>(&self, reader: &mut R, header: Header) -> Result<Body, LinkError>
    where
        R: AsyncRead + Unpin,
    {
        let body_bytes = header.body_bytes();
        if body_bytes <= LARGE_BODY_BYTES {
            return match self.reserve(header.kind(), body_bytes).await? {
                Ok(memory) => Ok(Body::Read(read_body(reader, header, BODY_TIMEOUT).await?, memory)),
                Err(full) => Self::unread(reader, header, full).await,
            };
        }
        let mut first = [0; FIRST_BYTES];
        tokio::time::timeout(BODY_TIMEOUT, reader.read_exact(&mut first))
            .await
            .map_err(|_| LinkError::ReadTimeout)??;
        let rest = Header::new(header.kind(), header.id(), body_bytes - FIRST_BYTES)?;
        if let Some(answer) = self.handler.refuse_early(header.kind(), &first, body_bytes) {
            return Self::unread(reader, rest, answer).await;
        }
        let memory = match self.reserve(header.kind(), body_bytes).await? {
            Ok(memory) => memory,
            Err(full) => return Self::unread(reader, rest, full).await,
        };
        // What was reserved is allocated at once; the rest grows as it comes.
        let mut body = Vec::with_capacity(if memory.is_some() { body_bytes } else { FIRST_BYTES });
        body.extend_from_slice(&first);
        Ok(Body::Read(read_after(reader, body, rest, BODY_TIMEOUT).await?, memory))
    }

    /// Drops what comes of a body, so that the connection goes on behind it.
    async fn unread<R>(reader: &mut R, rest: Header, answer: Answer) -> Result<Body, LinkError>
    where
        R: AsyncRead + Unpin,
    {
        skip_body(reader, rest, BODY_TIMEOUT).await?;
        Ok(Body::Refused(answer))
    }

    async fn write(&self, id: u32, answer: &Answer) -> Result<(), LinkError> {
        let parts: Vec<&[u8]> = answer.parts.iter().map(AsRef::as_ref).collect();
        write_frame(&mut *self.writer.lock().await, answer.kind, id, &parts).await
    }

    fn answer(
        &self,
        kind: Kind,
        id: u32,
        body: Bytes,
        held: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
    ) -> impl Future<Output = ()> + Send + 'static {
        let (handler, writer, failed) =
            (Arc::clone(&self.handler), Arc::clone(&self.writer), self.failed.clone());
        // This one has a slot, too.
        let others = self.concurrency.saturating_sub(1);
        async move {
            let beside = others.saturating_sub(held.0.semaphore().available_permits());
            if let Some(answer) = handler.handle(kind, body, beside).await {
                let parts: Vec<&[u8]> = answer.parts.iter().map(AsRef::as_ref).collect();
                let mut writer = writer.lock().await;
                if let Err(error) = write_frame(&mut *writer, answer.kind, id, &parts).await {
                    let _ = failed.try_send(error);
                }
            }
            drop(held);
        }
    }
}

/// The memory of a body, if it is bounded at all, or the answer to one that finds none.
type Reserved = Result<Option<OwnedSemaphorePermit>, Answer>;

/// What became of a body.
enum Body {
    Read(Vec<u8>, Option<OwnedSemaphorePermit>),
    Refused(Answer),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, duplex, split};

    use super::*;
    use crate::Mux;

    /// Answers a range with its own body after a pause that the body names; notes log lines.
    struct Echo(std::sync::Mutex<Vec<Bytes>>);

    impl Handler for Echo {
        fn takes(&self, kind: Kind) -> bool {
            matches!(kind, Kind::Range | Kind::Log)
        }

        async fn handle(&self, kind: Kind, body: Bytes, _: usize) -> Option<Answer> {
            if kind == Kind::Log {
                self.0.lock().unwrap().push(body);
                return None;
            }
            let pause = body.first().copied().unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(pause.into())).await;
            Some(Answer { kind: Kind::HostReply, parts: vec![body, Bytes::from_static(b"!")] })
        }
    }

    #[tokio::test]
    async fn answers_overtake_each_other_and_lines_keep_their_order() {
        let (near, far) = duplex(4096);
        let echo = Arc::new(Echo(std::sync::Mutex::default()));
        let (reader, writer) = split(far);
        let server = tokio::spawn(serve(reader, writer, Arc::clone(&echo), 8));
        let (reader, writer) = split(near);
        let mux = Mux::over(reader, writer);
        for line in [b"1", b"2", b"3"] {
            mux.send(Kind::Log, Bytes::from_static(line)).unwrap();
        }
        let limit = Duration::from_secs(5);
        let slow = mux.call(Kind::Range, Bytes::from_static(&[80]), limit);
        let fast = mux.call(Kind::Range, Bytes::from_static(&[1]), limit);
        tokio::select! {
            biased;
            _ = slow => panic!("the slow one came first"),
            reply = fast => assert_eq!(reply.unwrap().body.as_ref(), [1, b'!']),
        }
        assert_eq!(*echo.0.lock().unwrap(), [b"1", b"2", b"3"].map(|line| Bytes::from_static(line)));
        drop(mux);
        assert_eq!(server.await.unwrap(), LinkError::Closed);
    }

    /// Lets in large bodies that begin with 1.
    struct Choosy;

    impl Handler for Choosy {
        fn takes(&self, kind: Kind) -> bool {
            kind == Kind::Message
        }

        fn refuse_early(&self, _: Kind, first: &[u8], body_bytes: usize) -> Option<Answer> {
            let refused = Answer { kind: Kind::Reply, parts: vec![Bytes::from_static(&[3])] };
            (first.first() != Some(&1) || body_bytes > 2 * LARGE_BODY_BYTES).then_some(refused)
        }

        fn memory(&self, _: usize) -> Option<Arc<Semaphore>> {
            Some(Arc::new(Semaphore::new(4096)))
        }

        async fn handle(&self, _: Kind, body: Bytes, _: usize) -> Option<Answer> {
            let length = u32::try_from(body.len()).unwrap().to_be_bytes();
            let whole = body.first() == Some(&1) && body.last() == Some(&9);
            let parts = vec![Bytes::from(vec![u8::from(!whole)]), Bytes::copy_from_slice(&length)];
            Some(Answer { kind: Kind::Reply, parts })
        }
    }

    #[tokio::test]
    async fn a_large_body_is_refused_by_its_first_bytes_and_the_stream_goes_on() {
        let (near, far) = duplex(4096);
        let (reader, writer) = split(far);
        tokio::spawn(serve(reader, writer, Arc::new(Choosy), 4));
        let (reader, writer) = split(near);
        let mux = Mux::over(reader, writer);
        let limit = Duration::from_secs(5);
        let mut large = vec![0; LARGE_BODY_BYTES + 1];
        *large.last_mut().unwrap() = 9;
        let reply = mux.call(Kind::Message, large.clone().into(), limit).await.unwrap();
        assert_eq!(reply.body.as_ref(), [3]);
        large[0] = 1;
        let length = u32::try_from(large.len()).unwrap().to_be_bytes();
        let reply = mux.call(Kind::Message, large.clone().into(), limit).await.unwrap();
        assert_eq!(reply.body.as_ref(), [&[0], length.as_slice()].concat());
        large.resize(2 * LARGE_BODY_BYTES + 1, 9);
        let reply = mux.call(Kind::Message, large.into(), limit).await.unwrap();
        assert_eq!(reply.body.as_ref(), [3], "by its length");
    }

    /// Has memory for one body, and holds it until it is told.
    struct Full(Arc<Semaphore>, tokio::sync::Notify);

    impl Handler for Full {
        fn takes(&self, kind: Kind) -> bool {
            kind == Kind::Message
        }

        fn memory(&self, _: usize) -> Option<Arc<Semaphore>> {
            Some(Arc::clone(&self.0))
        }

        fn when_full(&self, _: Kind) -> Option<Answer> {
            Some(Answer { kind: Kind::Reply, parts: vec![Bytes::from_static(&[7])] })
        }

        async fn handle(&self, _: Kind, _: Bytes, _: usize) -> Option<Answer> {
            self.1.notified().await;
            Some(Answer { kind: Kind::Reply, parts: vec![Bytes::from_static(&[0])] })
        }
    }

    #[tokio::test]
    async fn a_body_that_finds_no_memory_is_refused_and_what_comes_behind_it_is_read() {
        let (near, far) = duplex(4096);
        let (reader, writer) = split(far);
        let full = Arc::new(Full(Arc::new(Semaphore::new(2048)), tokio::sync::Notify::new()));
        tokio::spawn(serve(reader, writer, Arc::clone(&full), 8));
        let (reader, writer) = split(near);
        let mux = Mux::over(reader, writer);
        let call = |bytes: usize| mux.call(Kind::Message, vec![1; bytes].into(), Duration::from_secs(5));
        let first = call(LARGE_BODY_BYTES + 1);
        let others = async {
            for bytes in [LARGE_BODY_BYTES + 1, LARGE_BODY_BYTES] {
                assert_eq!(call(bytes).await.unwrap().body.as_ref(), [7], "{bytes}");
            }
            full.1.notify_one();
        };
        let (first, ()) = tokio::join!(first, others);
        assert_eq!(first.unwrap().body.as_ref(), [0]);
        full.1.notify_one();
        assert_eq!(call(LARGE_BODY_BYTES).await.unwrap().body.as_ref(), [0], "given back");
    }

    #[tokio::test]
    async fn a_kind_that_is_not_taken_ends_the_connection() {
        let (mut near, far) = duplex(4096);
        let (reader, writer) = split(far);
        let echo = Arc::new(Echo(std::sync::Mutex::default()));
        near.write_all(&[0, 0, 0, 0, 4, 0, 0, 0, 1]).await.unwrap();
        assert_eq!(serve(reader, writer, echo, 1).await, LinkError::UnexpectedKind);
    }
}
