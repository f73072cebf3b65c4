//! Answers the requests of one connection, several at once.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_proto::frame::Kind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::LinkError;
use crate::frames::{read_body, read_header, write_frame};
use crate::limits::{BODY_TIMEOUT, IDLE_CHECK};

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

    /// Answers one request, or takes note of a frame that has no reply.
    fn handle(&self, kind: Kind, body: Bytes) -> impl Future<Output = Option<Answer>> + Send;
}

/// Serves a connection until it ends, and says why it ended.
///
/// At most `concurrency` requests are read ahead or worked on; while as many are, the peer waits.
/// Frames without a reply are handled in the order in which they come.
pub async fn serve<R, W, H>(mut reader: R, writer: W, handler: Arc<H>, concurrency: usize) -> LinkError
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let (failed, mut failure) = mpsc::channel(1);
    let connection = Connection {
        writer: Arc::new(Mutex::new(writer)),
        slots: Arc::new(Semaphore::new(concurrency)),
        handler,
        failed,
    };
    // Dropped at the end, which aborts every request that is still worked on.
    let mut tasks = JoinSet::new();
    tokio::select! {
        ended = connection.read_all(&mut reader, &mut tasks) => ended,
        failure = failure.recv() => failure.unwrap_or(LinkError::Lost),
    }
}

struct Connection<W, H> {
    writer: Arc<Mutex<W>>,
    slots: Arc<Semaphore>,
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
        let body = Bytes::from(read_body(reader, header, BODY_TIMEOUT).await?);
        if header.kind() == Kind::Log {
            self.handler.handle(header.kind(), body).await;
        } else {
            tasks.spawn(self.answer(header.kind(), header.id(), body, slot));
        }
        Ok(())
    }

    fn answer(
        &self,
        kind: Kind,
        id: u32,
        body: Bytes,
        slot: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (handler, writer, failed) =
            (Arc::clone(&self.handler), Arc::clone(&self.writer), self.failed.clone());
        async move {
            if let Some(answer) = handler.handle(kind, body).await {
                let parts: Vec<&[u8]> = answer.parts.iter().map(AsRef::as_ref).collect();
                let mut writer = writer.lock().await;
                if let Err(error) = write_frame(&mut *writer, answer.kind, id, &parts).await {
                    let _ = failed.try_send(error);
                }
            }
            drop(slot);
        }
    }
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

        async fn handle(&self, kind: Kind, body: Bytes) -> Option<Answer> {
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

    #[tokio::test]
    async fn a_kind_that_is_not_taken_ends_the_connection() {
        let (mut near, far) = duplex(4096);
        let (reader, writer) = split(far);
        let echo = Arc::new(Echo(std::sync::Mutex::default()));
        near.write_all(&[0, 0, 0, 0, 4, 0, 0, 0, 1]).await.unwrap();
        assert_eq!(serve(reader, writer, echo, 1).await, LinkError::UnexpectedKind);
    }
}
