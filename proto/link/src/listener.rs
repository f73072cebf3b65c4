//! Accepts connections, and only from the peer that the rule names.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::UnixListener;
use tokio_vsock::{VsockAddr, VsockListener};

use crate::{Endpoint, LinkError, Stream};

/// Mode of a bound unix socket: its owner alone.
const SOCKET_MODE: u32 = 0o600;

/// Who is at the other end. The hypervisor vouches for a context id, the file mode for a local peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Another virtual machine.
    Vsock {
        /// Its context id.
        cid: u32,
    },
    /// A process of this machine that may open the socket file.
    Local,
}

/// Whose connections are accepted. There is no rule that means everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRule {
    /// Only this context id; for vsock endpoints.
    Cid(u32),
    /// Any process that may open the socket file; for unix endpoints.
    AnyLocal,
}

impl PeerRule {
    /// The rule that lets in whoever is behind `endpoint`.
    #[must_use]
    pub fn same_as(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Vsock { cid, .. } => Self::Cid(*cid),
            Endpoint::Unix(_) => Self::AnyLocal,
        }
    }

    fn admits(self, peer: Peer) -> bool {
        match (self, peer) {
            (Self::Cid(only), Peer::Vsock { cid }) => only == cid,
            (Self::AnyLocal, Peer::Local) => true,
            _ => false,
        }
    }
}

/// A bound endpoint.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    only_from: PeerRule,
}

#[derive(Debug)]
enum Socket {
    Vsock(VsockListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds the endpoint. A socket file that nobody serves any more is removed first.
    ///
    /// # Errors
    /// [`LinkError::Unfit`] when the rule can never admit a peer of this endpoint,
    /// [`LinkError::InUse`] when the path is served or is not a socket, or [`LinkError::Io`].
    pub fn bind(endpoint: &Endpoint, only_from: PeerRule) -> Result<Self, LinkError> {
        let socket = match (endpoint, only_from) {
            (Endpoint::Vsock { cid, port }, PeerRule::Cid(_)) => {
                Socket::Vsock(VsockListener::bind(VsockAddr::new(*cid, *port))?)
            }
            (Endpoint::Unix(path), PeerRule::AnyLocal) => Socket::Unix(bind_unix(path)?),
            _ => return Err(LinkError::Unfit),
        };
        Ok(Self { socket, only_from })
    }

    /// Waits for the next peer that the rule admits; others are dropped.
    ///
    /// # Errors
    /// [`LinkError::Io`]; the listener stays usable.
    pub async fn accept(&self) -> Result<(Stream, Peer), LinkError> {
        loop {
            let (stream, peer) = self.accept_any().await?;
            if self.only_from.admits(peer) {
                return Ok((stream, peer));
            }
        }
    }

    async fn accept_any(&self) -> Result<(Stream, Peer), LinkError> {
        match &self.socket {
            Socket::Vsock(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Stream::Vsock(stream), Peer::Vsock { cid: address.cid() }))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Peer::Local))
            }
        }
    }
}

fn bind_unix(path: &Path) -> Result<UnixListener, LinkError> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

/// Removes a socket file that refuses connections; anything else at the path is left alone.
fn remove_stale(path: &Path) -> Result<(), LinkError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let refused = std::os::unix::net::UnixStream::connect(path)
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if !found.file_type().is_socket() || !refused {
        return Err(LinkError::InUse);
    }
    Ok(fs::remove_file(path)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_unix_listener_replaces_a_stale_socket_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link.sock");
        let endpoint = Endpoint::Unix(path.clone());
        drop(Listener::bind(&endpoint, PeerRule::AnyLocal).unwrap());
        let listener = Listener::bind(&endpoint, PeerRule::AnyLocal).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        assert_eq!(Listener::bind(&endpoint, PeerRule::AnyLocal).err(), Some(LinkError::InUse));

        let mut near = endpoint.connect(Duration::from_secs(1)).await.unwrap();
        // The probe of the refused second bind is still in the queue, closed.
        listener.accept().await.unwrap();
        let (far, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, Peer::Local);
        let (mut read, mut write) = far.into_split();
        near.write_all(b"ask").await.unwrap();
        write.write_all(b"answer").await.unwrap();
        drop(write);
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        let mut ask = [0; 3];
        read.read_exact(&mut ask).await.unwrap();
        assert_eq!((ask.as_slice(), answer.as_str()), (b"ask".as_slice(), "answer"));
    }

    #[tokio::test]
    async fn a_file_at_the_path_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        fs::write(&path, b"kept").unwrap();
        let bound = Listener::bind(&Endpoint::Unix(path.clone()), PeerRule::AnyLocal);
        assert_eq!(bound.err(), Some(LinkError::InUse));
        assert_eq!(fs::read(&path).unwrap(), b"kept");
    }

    #[test]
    fn a_rule_admits_exactly_its_peer() {
        assert!(PeerRule::Cid(16).admits(Peer::Vsock { cid: 16 }));
        assert!(!PeerRule::Cid(16).admits(Peer::Vsock { cid: 17 }));
        assert!(!PeerRule::Cid(16).admits(Peer::Local));
        assert!(!PeerRule::AnyLocal.admits(Peer::Vsock { cid: 16 }));
        assert!(PeerRule::AnyLocal.admits(Peer::Local));
    }

    #[tokio::test]
    async fn a_rule_that_fits_no_peer_is_not_bound() {
        let folder = tempfile::tempdir().unwrap();
        let unix = Endpoint::Unix(folder.path().join("link.sock"));
        assert_eq!(Listener::bind(&unix, PeerRule::Cid(3)).err(), Some(LinkError::Unfit));
        let vsock = Endpoint::Vsock { cid: 3, port: 5001 };
        assert_eq!(Listener::bind(&vsock, PeerRule::AnyLocal).err(), Some(LinkError::Unfit));
    }
}
