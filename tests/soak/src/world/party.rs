//! KMS and proxy as processes.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use strongroom_sim::world::{Binaries, Ground, READY, wait_for};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::SoakError;

/// Says what the proxy logs.
const LOG: &str = "STRONGROOM_LOG";

/// A started process; killed when dropped.
pub(super) struct Started(Child);

impl Started {
    fn new(command: &mut Command, what: &str, log: Stdio) -> Result<Self, SoakError> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        command.spawn().map(Self).map_err(SoakError::io(what))
    }

    /// Kills it, as a crash would, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        // One that has ended already is what was asked for.
        let _ = self.0.kill().await;
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.0.id()
    }
}

/// Starts KMS, and returns when it listens.
pub(super) async fn kms(binaries: &Binaries, ground: &Ground) -> Result<Started, SoakError> {
    let mut command = Command::new(binaries.path("strongroom-sim"));
    let address = ground.kms_address;
    command.arg("kms").arg("--state").arg(ground.layout.root()).arg(format!("--listen={address}"));
    let started = Started::new(&mut command, "simulated kms", Stdio::null())?;
    let listens = async || TcpStream::connect(address).await.is_ok();
    if wait_for(READY, listens).await { Ok(started) } else { Err(SoakError::unfit("KMS does not listen")) }
}

/// Starts the shipped proxy. Whether it is ready already is the clients' business.
pub(super) fn proxy(
    binaries: &Binaries,
    ground: &Ground,
    url: &str,
    listen: SocketAddr,
    log: &Path,
) -> Result<Started, SoakError> {
    let log =
        OpenOptions::new().append(true).create(true).open(log).map_err(SoakError::io("log of the proxy"))?;
    let mut command = Command::new(binaries.path("strongroom"));
    command
        .args(["proxy", &format!("--listen={listen}"), &format!("--url={url}")])
        .arg(format!("--trust={}", ground.layout.trust().display()))
        .arg(format!("--api-key=@{}", ground.layout.api_key().display()))
        .env("XDG_STATE_HOME", ground.layout.owner("proxy-state"));
    if std::env::var_os(LOG).is_none() {
        command.env(LOG, "warn,strongroom_client=debug");
    }
    Started::new(&mut command, "proxy", log.into())
}
