//! `sessions`: fresh verified sessions a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_client::TrustFile;
use tokio::task::JoinSet;

use super::{say, seconds};
use crate::cpu::{Meter, Reading};
use crate::error::BenchError;
use crate::latency::Latencies;
use crate::target::Enclave;

/// Arguments of `sessions`.
#[derive(clap::Args)]
pub(super) struct SessionsArguments {
    #[command(flatten)]
    enclave: Enclave,
    /// Clients of this one process at the same time. Each asks for evidence, judges it, opens a session, and is replaced by a new one.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Seconds of it.
    #[arg(long, default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// A process whose CPU is read; repeatable.
    #[arg(long, value_name = "NAME=PID|cgroup:PATH")]
    meter: Vec<Meter>,
}

pub(super) async fn run(arguments: SessionsArguments) -> Result<(), BenchError> {
    let arguments = Arc::new(arguments);
    let trust = arguments.enclave.trust()?;
    arguments.enclave.client_that_trusts(trust.clone())?.session().await?;
    let failed = Arc::new(AtomicU64::new(0));
    let (before, start) = (Reading::take(&arguments.meter)?, Instant::now());
    let mut tasks = JoinSet::new();
    for _ in 0..arguments.clients {
        let (arguments, failed, trust) = (Arc::clone(&arguments), Arc::clone(&failed), trust.clone());
        tasks.spawn(async move { open_until(&arguments, &trust, start, &failed).await });
    }
    let mut all = Latencies::new()?;
    while let Some(done) = tasks.join_next().await {
        all.merge(&done.map_err(|error| BenchError::Argument(error.to_string()))??)?;
    }
    let (took, used) = (start.elapsed().as_secs_f64(), Reading::take(&arguments.meter)?.since(&before));
    let latency = all.summary();
    say(&json!({
        "clients": arguments.clients, "seconds": took, "sessions": latency.count,
        "failed": failed.load(Ordering::Relaxed), "per_second": latency.count as f64 / took,
        "cpu_us_each": used.micros_each(latency.count), "latency": latency,
    }))
}

async fn open_until(
    arguments: &SessionsArguments,
    trust: &TrustFile,
    start: Instant,
    failed: &AtomicU64,
) -> Result<Latencies, BenchError> {
    let mut latencies = Latencies::new()?;
    while start.elapsed() < arguments.seconds {
        let begun = Instant::now();
        match arguments.enclave.client_that_trusts(trust.clone())?.session().await {
            Ok(_) => latencies.add(begun.elapsed()),
            Err(_) => {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(latencies)
}
