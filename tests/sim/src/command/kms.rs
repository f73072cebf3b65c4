//! `strongroom-sim kms`: the KMS of a simulation as a process of its own, which can be ended while the rest goes on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::say;
use crate::world::{Documents, Ground, WorldError};

/// Arguments of `kms`.
#[derive(clap::Args)]
pub(super) struct KmsArguments {
    /// State directory of the simulation, which holds the keys.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where it listens.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
}

pub(super) async fn run(arguments: &KmsArguments) -> Result<ExitCode, WorldError> {
    let ground = Ground::prepare_at(&arguments.state, Documents::AsTheyAre, arguments.listen).await?;
    say(&format!("ready {}", ground.kms_address));
    // Held until a signal ends the process.
    std::future::pending().await
}
