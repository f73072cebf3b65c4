//! What the enclave asks its host for. Every answer is untrusted.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_link::{Endpoint, LinkError, Mux};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_RANGE_BYTES;
use strongroom_proto::name::PackageId;
use strongroom_proto::relay::{BootDocuments, Credentials, Range};
use tokio::sync::Mutex;

use crate::event::Event;
use crate::limits::{HOST_ANSWER, HOST_ATTEMPTS, HOST_CONNECT, HOST_RETRY};

/// Why the host gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The link failed.
    #[error("host: {0}")]
    Link(#[from] LinkError),
    /// The host does not have it.
    #[error("the host does not have what was asked for")]
    Absent,
    /// The answer has another form than asked for.
    #[error("the host's answer has another form than asked for")]
    Malformed,
}

/// The connection to the host, dialled when needed. Clones share it.
#[derive(Clone)]
pub(crate) struct Host {
    endpoint: Endpoint,
    mux: Arc<Mutex<Option<Mux>>>,
}

impl Host {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, mux: Arc::default() }
    }

    /// Waits until the host answers, within bounds.
    pub(crate) async fn boot_documents(&self) -> Result<BootDocuments, HostError> {
        let mut attempt = 0;
        loop {
            match self.ask(Kind::Boot, Bytes::new()).await {
                Ok(body) => return BootDocuments::decode(&body).map_err(|_| HostError::Malformed),
                Err(error) if attempt == HOST_ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
            tokio::time::sleep(HOST_RETRY).await;
        }
    }

    pub(crate) async fn credentials(&self) -> Result<Credentials, HostError> {
        let body = self.ask(Kind::Credentials, Bytes::new()).await?;
        let given = Credentials::decode(&body).map_err(|_| HostError::Malformed)?;
        // They become headers of HTTP.
        let visible = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let fit =
            [&given.access_key_id, &given.secret_access_key, &given.session_token].into_iter().all(visible);
        if fit { Ok(given) } else { Err(HostError::Malformed) }
    }

    /// Exactly `length` bytes of a package, fewer only at its end.
    pub(crate) async fn range(
        &self,
        package: &PackageId,
        offset: u64,
        length: usize,
    ) -> Result<Bytes, HostError> {
        let length = u32::try_from(length.min(MAX_RANGE_BYTES)).map_err(|_| HostError::Malformed)?;
        let range = Range { package: package.clone(), offset, length };
        let body = range.encode().map_err(|_| HostError::Malformed)?;
        let answer = self.ask(Kind::Range, body.into()).await?;
        if answer.len() as u64 > u64::from(length) { Err(HostError::Malformed) } else { Ok(answer) }
    }

    /// Hands over what the host keeps, and waits until it says that it has.
    pub(crate) async fn keep(&self, kind: Kind, body: Vec<u8>) -> Result<(), HostError> {
        self.ask(kind, body.into()).await.map(drop)
    }

    /// Hands a public event to the host's log, if there is a connection.
    pub(crate) async fn log(&self, event: Event<'_>) {
        if let Some(mux) = self.mux.lock().await.as_ref() {
            // Losing a log line must not stop the enclave.
            let _ = mux.send(Kind::Log, event.to_string().into_bytes().into());
        }
    }

    async fn ask(&self, kind: Kind, body: Bytes) -> Result<Bytes, HostError> {
        let mux = self.connected().await?;
        let reply = mux.call(kind, body, HOST_ANSWER).await?;
        if reply.kind == Kind::HostReply { Ok(reply.body) } else { Err(HostError::Absent) }
    }

    async fn connected(&self) -> Result<Mux, HostError> {
        let mut mux = self.mux.lock().await;
        if let Some(mux) = mux.as_ref().filter(|mux| !mux.is_closed()) {
            return Ok(mux.clone());
        }
        let fresh = Mux::new(self.endpoint.connect(HOST_CONNECT).await?);
        *mux = Some(fresh.clone());
        Ok(fresh)
    }
}
