//! `idle`: what a session takes that nobody uses.

use serde_json::json;

use super::say;
use crate::error::BenchError;
use crate::memory::resident_kib;
use crate::target::Enclave;

/// Sessions that are opened before anything is measured, so that what is allocated once is there.
const FIRST: usize = 200;

/// Sessions opened at the same time.
const TOGETHER: usize = 32;

/// Arguments of `idle`.
#[derive(clap::Args)]
pub(super) struct IdleArguments {
    #[command(flatten)]
    enclave: Enclave,
    /// Sessions to open.
    #[arg(long, default_value_t = 4000)]
    sessions: usize,
    /// The enclave's process.
    #[arg(long)]
    enclave_pid: u32,
    /// The host's process.
    #[arg(long)]
    host_pid: u32,
}

pub(super) async fn run(arguments: &IdleArguments) -> Result<(), BenchError> {
    open(arguments, FIRST).await?;
    let before = held(arguments)?;
    open(arguments, arguments.sessions).await?;
    let after = held(arguments)?;
    let each =
        |before: u64, after: u64| (after as f64 - before as f64) * 1024.0 / arguments.sessions.max(1) as f64;
    say(&json!({
        "sessions": arguments.sessions,
        "enclave_bytes_each": each(before.0, after.0), "host_bytes_each": each(before.1, after.1),
        "enclave_kib": [before.0, after.0], "host_kib": [before.1, after.1],
    }))
}

fn held(arguments: &IdleArguments) -> Result<(u64, u64), BenchError> {
    Ok((resident_kib(arguments.enclave_pid)?, resident_kib(arguments.host_pid)?))
}

/// Opens sessions and forgets their clients: the enclave keeps the sessions.
async fn open(arguments: &IdleArguments, sessions: usize) -> Result<(), BenchError> {
    let mut left = sessions;
    while left > 0 {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..left.min(TOGETHER) {
            let client = arguments.enclave.client()?;
            tasks.spawn(async move { client.session().await.map(drop) });
        }
        left -= tasks.len();
        while let Some(opened) = tasks.join_next().await {
            opened.map_err(|error| BenchError::Argument(error.to_string()))??;
        }
    }
    Ok(())
}
