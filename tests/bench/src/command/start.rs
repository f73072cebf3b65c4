//! `start`: from starting host and enclave to the first answer that a client verified.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_proto::name::{Name, PackageId};
use strongroom_sim::world::{
    Binaries, EnclaveOptions, EnclaveProcess, Ground, HostOptions, HostProcess, ModelSource, Owner, READY,
    ReleasePlan, Sockets,
};

use super::say;
use crate::error::BenchError;
use crate::request::BenchRequest;
use crate::target::{Enclave, Target};

/// Arguments of `start`.
#[derive(clap::Args)]
pub(super) struct StartArguments {
    /// The ONNX file to seal.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// What it is asked: an Open Inference Protocol body.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// How often.
    #[arg(long, default_value_t = 5)]
    times: usize,
}

/// A release that is sealed, and waits for somebody to serve it.
struct Sealed {
    ground: Ground,
    binaries: Binaries,
    model: Name,
    bytes: u64,
}

pub(super) async fn run(arguments: &StartArguments) -> Result<(), BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("state directory"))?;
    let sealed = seal(arguments, folder.path()).await?;
    let (mut serving, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..arguments.times {
        let (ready, first) = sealed.once(BenchRequest::read(&arguments.request)?).await?;
        serving.push(ready.as_secs_f64());
        answered.push(first.as_secs_f64());
    }
    say(&json!({
        "package_bytes": sealed.bytes, "seconds_to_serving": serving, "seconds_to_first_answer": answered,
    }))
}

async fn seal(arguments: &StartArguments, folder: &std::path::Path) -> Result<Sealed, BenchError> {
    let binaries = Binaries::beside_this_one()?;
    let ground = Ground::prepare(folder).await?;
    let owner = Owner::establish(&ground, &binaries).await?;
    let id: PackageId = "model@1".parse().map_err(|_| BenchError::Argument("model name".into()))?;
    let source = ModelSource { id: id.clone(), onnx: arguments.model.clone(), arguments: vec![] };
    owner.release(&ReleasePlan::first(vec![source])).await?;
    let package = std::fs::metadata(owner.package(&id)).map_err(BenchError::io("package"))?;
    Ok(Sealed { ground, binaries, model: id.name, bytes: package.len() })
}

impl Sealed {
    /// Time until the host says that its enclave serves, and until the first answer.
    async fn once(&self, request: BenchRequest) -> Result<(Duration, Duration), BenchError> {
        // What an earlier start left would be taken over, which is another case.
        let _ = std::fs::remove_dir_all(self.ground.layout.kept());
        let sockets = Sockets::fresh()?;
        let start = Instant::now();
        let options = EnclaveOptions::default();
        let mut enclave = EnclaveProcess::start(&self.binaries, &self.ground, &sockets, &options)?;
        let mut host =
            HostProcess::start(&self.binaries, &self.ground, &sockets, &HostOptions::default()).await?;
        host.wait_until_serving(READY).await?;
        let ready = start.elapsed();
        let (trust, api_key) = (self.ground.layout.trust(), self.ground.layout.api_key());
        let reached = Enclave { url: host.url(), trust, api_key };
        let target = Arc::new(Target::sealed(&reached, self.model.clone(), request).await?);
        target.ask().await?;
        let first = start.elapsed();
        host.stop().await;
        enclave.stop().await;
        Ok((ready, first))
    }
}
