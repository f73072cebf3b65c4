//! A host that does more than relay: it stands between the honest host and the enclave and may change
//! every frame in either direction.
//!
//! It is built from `link` and `proto` alone, as any host could be.

use std::sync::Arc;
use std::time::Duration;

use strongroom_link::frames::{read_body, read_header, write_frame};
use strongroom_link::limits::{BODY_TIMEOUT, IDLE_CHECK};
use strongroom_link::{Endpoint, LinkError, Listener, PeerRule};
use strongroom_proto::frame::Kind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinHandle, JoinSet};

/// A frame on its way.
pub struct Passing<'a> {
    /// Whether it goes to the enclave, or comes from it.
    pub inbound: bool,
    /// What it is.
    pub kind: Kind,
    /// Its body, which may be changed.
    pub body: &'a mut Vec<u8>,
}

/// What the interceptor does with each frame.
pub type Meddle = Arc<dyn Fn(Passing<'_>) + Send + Sync>;

/// A running interceptor; ends when dropped.
pub struct Interceptor(JoinHandle<()>);

impl Interceptor {
    /// Listens at `listen`, where the host believes the enclave to be, and passes frames to `enclave`.
    ///
    /// # Errors
    /// [`LinkError`] when the endpoint cannot be bound.
    pub fn start(listen: &Endpoint, enclave: Endpoint, meddle: Meddle) -> Result<Self, LinkError> {
        let listener = Listener::bind(listen, PeerRule::AnyLocal)?;
        Ok(Self(tokio::spawn(accept(listener, enclave, meddle))))
    }
}

impl Drop for Interceptor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const CONNECT: Duration = Duration::from_secs(5);

async fn accept(listener: Listener, enclave: Endpoint, meddle: Meddle) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let (enclave, meddle) = (enclave.clone(), Arc::clone(&meddle));
        connections.spawn(async move {
            let Ok(far) = enclave.connect(CONNECT).await else { return };
            let (near_reader, near_writer) = near.into_split();
            let (far_reader, far_writer) = far.into_split();
            // Either direction's end is the connection's.
            tokio::select! {
                _ = pass(near_reader, far_writer, true, &meddle) => {}
                _ = pass(far_reader, near_writer, false, &meddle) => {}
            }
        });
    }
}

/// Passes frames of one direction on until it ends.
pub(crate) async fn pass<R, W>(
    mut reader: R,
    mut writer: W,
    inbound: bool,
    meddle: &Meddle,
) -> Result<(), LinkError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        let header = match read_header(&mut reader, IDLE_CHECK).await {
            Err(LinkError::Idle) => continue,
            header => header?,
        };
        let mut body = read_body(&mut reader, header, BODY_TIMEOUT).await?;
        meddle(Passing { inbound, kind: header.kind(), body: &mut body });
        write_frame(&mut writer, header.kind(), header.id(), &[&body]).await?;
    }
}
