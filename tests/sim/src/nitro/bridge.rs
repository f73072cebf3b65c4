//! Between the host's unix socket and a port of the emulated guest.
//!
//! The emulator's vsock device takes connections at one unix socket and wants to be told the port first:
//! `CONNECT 5000\n`, to which it answers with a line that begins with `OK`.

use std::io;
use std::path::{Path, PathBuf};

use strongroom_link::{Endpoint, LinkError, Listener, PeerRule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::{JoinHandle, JoinSet};

use super::Resigner;
use super::emulator::AWAKE;
use crate::intercept::{Meddle, pass};

/// The port on which the enclave serves.
const SERVICE_PORT: u32 = 5000;
/// Bytes of the device's answer, at most.
const MAX_ANSWER_BYTES: usize = 64;

/// A running bridge; ends when dropped.
pub struct Bridge(JoinHandle<()>);

impl Bridge {
    /// Listens at `listen`, where the host believes the enclave to be. Evidence is signed on its way out.
    ///
    /// # Errors
    /// [`LinkError`] when the endpoint cannot be bound.
    pub fn start(listen: &Endpoint, device: &Path, resigner: Option<Resigner>) -> Result<Self, LinkError> {
        let listener = Listener::bind(listen, PeerRule::AnyLocal)?;
        let meddle: Meddle = std::sync::Arc::new(move |passing| {
            let (false, Some(resigner)) = (passing.inbound, &resigner) else { return };
            let Some((code, payload)) = passing.body.split_first() else { return };
            if let Some(evidence) = resigner.evidence(payload) {
                *passing.body = [&[*code], evidence.as_slice()].concat();
            }
        });
        Ok(Self(tokio::spawn(accept(listener, device.to_owned(), meddle))))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: Listener, device: PathBuf, meddle: Meddle) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let (device, meddle) = (device.clone(), std::sync::Arc::clone(&meddle));
        connections.spawn(async move {
            let Ok(far) = connect(&device).await else { return };
            let (near_reader, near_writer) = near.into_split();
            let (far_reader, far_writer) = far.into_split();
            tokio::select! {
                _ = pass(near_reader, far_writer, true, &meddle) => {}
                _ = pass(far_reader, near_writer, false, &meddle) => {}
            }
        });
    }
}

/// Connects to the guest, once it is awake: a connection before its driver is ready can leave the emulated device
/// without any for good.
pub(super) async fn connect(device: &Path) -> io::Result<UnixStream> {
    if !device.with_file_name(AWAKE).exists() {
        return Err(io::ErrorKind::NotConnected.into());
    }
    let mut stream = UnixStream::connect(device).await?;
    stream.write_all(format!("CONNECT {SERVICE_PORT}\n").as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n") {
        if answer.len() == MAX_ANSWER_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        answer.push(stream.read_u8().await?);
    }
    if answer.starts_with(b"OK") { Ok(stream) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
}
