//! `load` and `oip`: the load generator against an enclave, and against any plain server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strongroom_proto::name::Name;

use super::{say, seconds};
use crate::cpu::Meter;
use crate::error::BenchError;
use crate::load::{Pattern, run};
use crate::request::BenchRequest;
use crate::target::{Enclave, Target};

/// When, for how long, and whose CPU.
#[derive(clap::Args)]
struct Loaded {
    /// What is asked: an Open Inference Protocol body.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Closed loop: so many callers, each of whom asks again when it has its answer.
    #[arg(long, default_value_t = 1, conflicts_with = "rate")]
    callers: usize,
    /// Open loop: so many requests a second, at the times of a Poisson process.
    #[arg(long)]
    rate: Option<f64>,
    /// Seed of that process.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that are not counted, before those that are.
    #[arg(long, default_value = "1", value_parser = seconds)]
    warm: Duration,
    /// Seconds that are counted.
    #[arg(long, default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// A process whose CPU is read, with all below it, or a control group; repeatable.
    #[arg(long, value_name = "NAME=PID|cgroup:PATH")]
    meter: Vec<Meter>,
}

/// Arguments of `load`.
#[derive(clap::Args)]
pub(super) struct LoadArguments {
    #[command(flatten)]
    enclave: Enclave,
    /// The model.
    #[arg(long)]
    model: Name,
    #[command(flatten)]
    loaded: Loaded,
}

/// Arguments of `oip`.
#[derive(clap::Args)]
pub(super) struct OipArguments {
    /// URL of the server.
    #[arg(long)]
    url: String,
    /// The model.
    #[arg(long)]
    model: String,
    /// Send tensors in binary, and ask for them in binary.
    #[arg(long)]
    binary: bool,
    #[command(flatten)]
    loaded: Loaded,
}

pub(super) async fn sealed(arguments: LoadArguments) -> Result<(), BenchError> {
    let request = BenchRequest::read(&arguments.loaded.request)?;
    let target = Target::sealed(&arguments.enclave, arguments.model, request).await?;
    arguments.loaded.measure(target).await
}

pub(super) async fn plain(arguments: &OipArguments) -> Result<(), BenchError> {
    let request = BenchRequest::read(&arguments.loaded.request)?;
    let target = Target::plain(&arguments.url, &arguments.model, &request, arguments.binary)?;
    arguments.loaded.measure(target).await
}

impl Loaded {
    async fn measure(&self, target: Target) -> Result<(), BenchError> {
        // One that fails alone fails always: better told now than counted.
        target.ask().await?;
        let pattern = match self.rate {
            Some(per_second) => Pattern::Open { per_second, seed: self.seed },
            None => Pattern::Closed { callers: self.callers },
        };
        say(&run(&Arc::new(target), pattern, (self.warm, self.seconds), &self.meter).await?)
    }
}
