//! The `strongroom-sim` command.

mod kms;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::attack::{self, Attack};
use crate::score::{self, ScoreArguments};
use crate::world::WorldError;

/// SIMULATION of AWS Nitro Enclaves and KMS on this machine. It proves nothing about real hardware.
#[derive(Parser)]
#[command(name = "strongroom-sim", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts simulated KMS, enclave and host, seals the models and serves them until SIGTERM.
    Up(up::UpArguments),
    /// Serves the KMS of a simulation alone, until it is ended.
    Kms(kms::KmsArguments),
    /// Mounts one attack on a simulation of its own; exits 0 when it was refused.
    Attack {
        /// Which attack.
        name: Attack,
        /// Print what happens on the way.
        #[arg(long)]
        verbose: bool,
    },
    /// Sends the held-out test set through the sealed path and compares with the plain model.
    Score(ScoreArguments),
    /// Prints the measurements that an enclave with this executable has, in nitro-cli's form.
    Measure {
        /// The executable.
        executable: PathBuf,
    },
}

/// Runs the command.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Kms(arguments) => kms::run(&arguments).await,
        Command::Attack { name, verbose } => attack::run(name, verbose).await,
        Command::Score(arguments) => score::run(&arguments).await,
        Command::Measure { executable } => measure(&executable),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(executable: &std::path::Path) -> Result<ExitCode, WorldError> {
    let bytes = std::fs::read(executable).map_err(WorldError::io(executable.display().to_string()))?;
    say(&crate::world::measurements(&crate::nsm::measure(&bytes)));
    Ok(ExitCode::SUCCESS)
}

/// A result, for stdout.
#[expect(clippy::print_stdout, reason = "stdout carries this command's results")]
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    println!("{line}");
    // Whoever waits for the line must get it now; without a reader there is nobody to tell.
    let _ = std::io::stdout().flush();
}

/// A word to the person at the terminal, for stderr.
#[expect(clippy::print_stderr, reason = "stderr carries what is not a result")]
pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}
