//! `strongroom-sim up`: a whole simulation until SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{say, tell};
use crate::world::{ModelSource, Plan, World, WorldError, bundled_model};

/// Arguments of `up`.
#[derive(clap::Args)]
pub(super) struct UpArguments {
    /// Directory for keys, packages, trust.toml and api-key. May exist and hold other files.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where the host listens; port 0 for any free one.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// A model to seal and serve; repeatable. Without any, the bundled fraud classifier.
    #[arg(long, value_name = "NAME=FILE.onnx", value_parser = named)]
    model: Vec<ModelSource>,
    /// A schema to seal a model with; repeatable. A policy with noise needs one that states a lengthscale.
    #[arg(long, value_name = "NAME=FILE.toml", value_parser = schema)]
    schema: Vec<(String, PathBuf)>,
    /// Bytes of one answer of a model whose shapes do not tell, one of strings say; repeatable.
    #[arg(long, value_name = "NAME=N", value_parser = answer_bytes)]
    answer_bytes: Vec<(String, u64)>,
    /// The owner's policy in place of the open one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What a document takes the simulated NSM, in milliseconds; a real one takes about 100.
    #[arg(long, value_name = "N", default_value_t = 0)]
    nsm_delay_ms: u64,
    /// An origin whose pages may ask the host from a browser; repeatable.
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,
    /// End when stdin does, for programs that start a simulation and may be killed.
    #[arg(long)]
    end_with_stdin: bool,
}

pub(super) async fn run(arguments: UpArguments) -> Result<ExitCode, WorldError> {
    tell("SIMULATION: pretended NSM, PKI and KMS. This proves nothing about real hardware.");
    let mut models = if arguments.model.is_empty() { vec![bundled_model()?] } else { arguments.model };
    for model in &mut models {
        let own = arguments.schema.iter().filter(|(name, _)| name == model.id.name.as_str());
        model.arguments.extend(own.map(|(_, file)| format!("--schema={}", file.display())));
        let own = arguments.answer_bytes.iter().filter(|(name, _)| name == model.id.name.as_str());
        model.arguments.extend(own.map(|(_, bytes)| format!("--answer-bytes={bytes}")));
    }
    let plan = Plan {
        directory: arguments.state,
        listen: arguments.listen,
        models,
        policy: arguments.policy,
        nsm_delay: Duration::from_millis(arguments.nsm_delay_ms),
        cors_origins: arguments.cors_origin,
    };
    let end = end(arguments.end_with_stdin)?;
    tokio::pin!(end);
    let world = tokio::select! {
        world = World::up(plan) => world?,
        // Dropping the half-made world ends its processes.
        () = &mut end => return Ok(ExitCode::SUCCESS),
    };
    say(&format!("ready {}", world.host.url()));
    end.await;
    world.down().await;
    Ok(ExitCode::SUCCESS)
}

/// Resolves when the simulation is to end.
fn end(with_stdin: bool) -> Result<impl Future<Output = ()>, WorldError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(WorldError::io("signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(WorldError::io("signals"))?;
    Ok(async move {
        let stdin = async {
            if with_stdin {
                end_of_stdin().await;
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin => {}
        }
    })
}

/// Resolves when stdin ends. On a thread of its own, because a read cannot be cancelled.
async fn end_of_stdin() {
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error ends it as well as an end.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
}

fn named(text: &str) -> Result<ModelSource, String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE.onnx")?;
    let id = format!("{name}@1").parse().map_err(|error| format!("{error}"))?;
    Ok(ModelSource { id, onnx: file.into(), arguments: vec![] })
}

fn schema(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE.toml")?;
    Ok((name.to_owned(), file.into()))
}

fn answer_bytes(text: &str) -> Result<(String, u64), String> {
    let (name, bytes) = text.split_once('=').ok_or("expected NAME=N")?;
    Ok((name.to_owned(), bytes.parse().map_err(|_| "expected a number of bytes")?))
}
