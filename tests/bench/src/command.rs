//! The `strongroom-bench` command: one subcommand a measurement, one JSON object a line out.

mod engine;
mod idle;
mod load;
mod open_package;
mod sessions;
mod start;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::error::BenchError;
use crate::machine::Machine;

/// Measures Strongroom beside plain peers. `scripts/bench` starts it; each subcommand prints JSON.
#[derive(Parser)]
#[command(name = "strongroom-bench", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a model in our engine, in this process, when told to on stdin.
    Engine(engine::EngineArguments),
    /// Asks an enclave through the client library.
    Load(load::LoadArguments),
    /// Asks a server that speaks the Open Inference Protocol.
    Oip(load::OipArguments),
    /// Opens verified sessions, each with a client of its own, as fast as they open.
    Sessions(sessions::SessionsArguments),
    /// Opens sessions, leaves them, and says what memory each one takes.
    Idle(idle::IdleArguments),
    /// Starts simulated services again and again, and times the first answer.
    Start(start::StartArguments),
    /// Decrypts and verifies a sealed package on one core.
    OpenPackage(open_package::OpenPackageArguments),
    /// Describes this machine.
    Machine,
}

impl Cli {
    /// Runs the command. A model that our engine refuses is a result, and ends well.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let runtime = self.command.runtime().map_err(BenchError::io("threads"));
        let done = runtime.and_then(|runtime| runtime.block_on(self.command.run()));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(BenchError::Refused(reason)) => match say(&json!({ "refused": reason })) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            Err(error) => {
                tell(&error.to_string());
                ExitCode::FAILURE
            }
        }
    }
}

impl Command {
    /// Load comes from one thread: on a machine that the services share, every further one would wake on their cores, and a
    /// caller who waits for another thread measures that. What checks evidence all the time gets all cores.
    fn runtime(&self) -> std::io::Result<Runtime> {
        let mut builder = match self {
            Self::Load(_) | Self::Oip(_) => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        builder.enable_all().build()
    }

    async fn run(self) -> Result<(), BenchError> {
        match self {
            Self::Engine(arguments) => engine::run(&arguments),
            Self::Load(arguments) => load::sealed(arguments).await,
            Self::Oip(arguments) => load::plain(&arguments).await,
            Self::Sessions(arguments) => sessions::run(arguments).await,
            Self::Idle(arguments) => idle::run(&arguments).await,
            Self::Start(arguments) => start::run(&arguments).await,
            Self::OpenPackage(arguments) => open_package::run(&arguments),
            Self::Machine => say(&Machine::look()),
        }
    }
}

/// A result, for stdout.
#[expect(clippy::print_stdout, reason = "stdout carries this command's results")]
fn say(result: &impl Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string(result).map_err(|error| BenchError::Argument(error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// A word to the person at the terminal, for stderr.
#[expect(clippy::print_stderr, reason = "stderr carries what is not a result")]
fn tell(line: &str) {
    eprintln!("strongroom-bench: {line}");
}

/// A length of time, in seconds.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse::<f64>().map_err(|_| "expected seconds")?;
    let time = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| "expected seconds")?;
    if time <= crate::limits::MAX_RUN { Ok(time) } else { Err("longer than an hour".into()) }
}
