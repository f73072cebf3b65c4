//! Where a link is dialled or bound: `vsock:CID:PORT` or `unix:PATH`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio_vsock::{VMADDR_CID_ANY, VsockAddr, VsockStream};

use crate::{LinkError, Stream};

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Between a parent instance and its enclave.
    Vsock {
        /// Context id; `u32::MAX`, written `any`, binds on every id of this machine.
        cid: u32,
        /// Port.
        port: u32,
    },
    /// Between two processes of one machine.
    Unix(PathBuf),
}

/// The text is not an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an endpoint: vsock:CID:PORT (CID a number or `any`) or unix:PATH")]
pub struct EndpointError;

impl Endpoint {
    /// Dials the endpoint.
    ///
    /// # Errors
    /// [`LinkError::ConnectTimeout`], [`LinkError::Unfit`] for the wildcard id, or [`LinkError::Io`].
    pub async fn connect(&self, limit: Duration) -> Result<Stream, LinkError> {
        tokio::time::timeout(limit, self.dial()).await.map_err(|_| LinkError::ConnectTimeout)?
    }

    async fn dial(&self) -> Result<Stream, LinkError> {
        match self {
            Self::Vsock { cid: VMADDR_CID_ANY, .. } => Err(LinkError::Unfit),
            Self::Vsock { cid, port } => {
                Ok(Stream::Vsock(VsockStream::connect(VsockAddr::new(*cid, *port)).await?))
            }
            Self::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        match text.split_once(':').ok_or(EndpointError)? {
            ("vsock", address) => {
                let (cid, port) = address.split_once(':').ok_or(EndpointError)?;
                let cid = if cid == "any" { VMADDR_CID_ANY } else { parse_number(cid)? };
                Ok(Self::Vsock { cid, port: parse_number(port)? })
            }
            ("unix", path) if !path.is_empty() => Ok(Self::Unix(path.into())),
            _ => Err(EndpointError),
        }
    }
}

/// Digits alone: the standard parser would also take a sign.
fn parse_number(text: &str) -> Result<u32, EndpointError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().map_err(|_| EndpointError) } else { Err(EndpointError) }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vsock { cid: VMADDR_CID_ANY, port } => write!(f, "vsock:any:{port}"),
            Self::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["vsock:16:5000", "vsock:any:5001", "unix:/run/strongroom/enclave.sock", "unix:a:b"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for bad in
            ["", "unix:", "unix", "vsock:16", "vsock::5000", "vsock:+1:2", "vsock:1:4294967296", "tcp:a:1"]
        {
            assert_eq!(bad.parse::<Endpoint>(), Err(EndpointError), "{bad}");
        }
    }

    #[tokio::test]
    async fn nobody_can_dial_the_wildcard_or_a_missing_socket() {
        let limit = Duration::from_secs(1);
        let any = Endpoint::Vsock { cid: VMADDR_CID_ANY, port: 1 };
        assert_eq!(any.connect(limit).await.err(), Some(LinkError::Unfit));
        let folder = tempfile::tempdir().unwrap();
        let missing = Endpoint::Unix(folder.path().join("none"));
        assert_eq!(missing.connect(limit).await.err(), Some(LinkError::Io(std::io::ErrorKind::NotFound)));
    }
}
