//! What can go wrong on a link.

use std::io;

use strongroom_proto::frame::FrameError;

/// Why a link operation failed. Carries nothing that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The endpoint cannot be dialled or bound like this, for example a wildcard as a destination.
    #[error("endpoint does not fit this use")]
    Unfit,
    /// The path of a unix endpoint is taken by something else than a stale socket.
    #[error("path is in use")]
    InUse,
    /// No connection within the time allowed.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// The peer closed between two frames.
    #[error("closed by the peer")]
    Closed,
    /// The peer closed inside a frame.
    #[error("closed inside a frame")]
    Truncated,
    /// Nothing arrived for the time allowed between two frames. The stream is still in step.
    #[error("idle for too long")]
    Idle,
    /// A frame was begun and not completed in time.
    #[error("frame arrived too slowly")]
    ReadTimeout,
    /// The peer did not take bytes in time.
    #[error("frame was taken too slowly")]
    WriteTimeout,
    /// A header that this protocol does not know.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that does not belong here, such as a request where a reply is due.
    #[error("unexpected kind of frame")]
    UnexpectedKind,
    /// [`crate::limits::MAX_IN_FLIGHT`] requests wait already.
    #[error("too many requests in flight")]
    Busy,
    /// No reply within the deadline of the request. The request may have been carried out.
    #[error("no reply within the deadline")]
    Deadline,
    /// The connection ended before the reply. The request may have been carried out.
    #[error("connection lost")]
    Lost,
    /// The operating system refused.
    #[error("i/o: {0}")]
    Io(io::ErrorKind),
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            kind => Self::Io(kind),
        }
    }
}
